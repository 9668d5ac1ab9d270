// The folder of a run as the command line uses it: read back for reports.

import { UserError } from '../errors.ts';
import type { Dictionary, Exemplars } from '../mining/dictionary.ts';
import { reportChunks } from '../report/index.ts';
import { nodePageScript } from '../report/node.ts';
import { nodeFolder } from '../runtime/node-folder.ts';
import type { Folder } from '../runtime/folder.ts';

const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** The dictionary of a finished run. @throws UserError when there is none, or it is of another version. */
export async function readDictionary(folder: Folder, path: string): Promise<Dictionary> {
  const bytes = await folder.read('dictionary.json');
  if (!bytes) {
    const unfinished = (await folder.read('partial/current.json')) !== undefined;
    throw new UserError(
      unfinished
        ? `the run in ${path} is not finished; run the same "rosetta mine" again to complete it`
        : `${path} holds no run: there is no dictionary.json; name the folder that was given to "rosetta mine --out"`,
    );
  }
  let dictionary: Partial<Dictionary>;
  try {
    dictionary = decode(bytes) as Partial<Dictionary>;
  } catch (error) {
    throw new UserError(`${path}/dictionary.json is damaged (${(error as Error).message}); mine again`);
  }
  if (dictionary.schemaVersion !== 2) {
    const version = JSON.stringify(dictionary.schemaVersion);
    throw new UserError(`${path}/dictionary.json has schema version ${version}, this program reads 2; mine again`);
  }
  return dictionary as Dictionary;
}

/** Makes `index.html` of a finished run anew. */
export async function writeReport(path: string, target: { folder: Folder; name: string }): Promise<void> {
  const folder = nodeFolder(path);
  const dictionary = await readDictionary(folder, path);
  const bytes = await folder.read('exemplars/exemplars.json');
  const exemplars = bytes && (decode(bytes) as Exemplars);
  const images = new Map<string, Uint8Array>();
  for (const [id, { file }] of Object.entries(exemplars?.images ?? {})) {
    const image = await folder.read(`exemplars/${file}`);
    if (image) images.set(id, image);
  }
  const maps = await folder.read('exemplars/maps.bin');
  await target.folder.write(target.name, reportChunks({ dictionary, exemplars, maps, images }, await nodePageScript()));
}
