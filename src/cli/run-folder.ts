// The folder of a run as the command line uses it: read back for reports.

import { readDictionary } from '../mining/run/read-run.ts';
import { readExemplars } from '../mining/run/read-exemplars.ts';
import { reportChunks } from '../report/index.ts';
import { nodePageScript } from '../report/node.ts';
import { nodeFolder } from '../files/node/folder.ts';
import type { Folder } from '../files/folder.ts';

/** Makes `index.html` of a finished run anew. */
export async function writeReport(path: string, target: { folder: Folder; name: string }): Promise<void> {
  const folder = nodeFolder(path);
  const dictionary = await readDictionary(folder, path);
  const exemplars = await readExemplars(folder, path, dictionary);
  const images = new Map<string, Uint8Array>();
  for (const [id, { file }] of Object.entries(exemplars?.images ?? {})) {
    const image = await folder.read(`exemplars/${file}`);
    if (image) images.set(id, image);
  }
  const maps = await folder.read('exemplars/maps.bin');
  await target.folder.write(target.name, reportChunks({ dictionary, exemplars, maps, images }, await nodePageScript()));
}
