// The folder of a run as the command line uses it: mined into, and read back for reports.
// What is mined is in mining/; how folders are filled is in output/.

import { UserError } from '../errors.ts';
import { mine, miningKey, type MineOptions } from '../mining/mine.ts';
import type { Dictionary } from '../mining/run/dictionary.ts';
import { readDictionary } from '../mining/run/read-run.ts';
import { readExemplars } from '../mining/run/read-exemplars.ts';
import { reportChunks } from '../report/index.ts';
import { nodePageScript } from '../report/node.ts';
import { nodeFolder } from '../files/node/folder.ts';
import type { Folder } from '../files/folder.ts';
import { openOutput, type OutputFolder } from './output/folder.ts';
import { expectOurs, filesAmong, readList, writeList } from './output/list.ts';

/** Runs: `dictionary.json` says that all is there. */
export const runKind = {
  last: 'dictionary.json',
  held: 'holds a finished run; choose another folder, or replace it with --force',
};

/** All that a run may have; folders end in '/'. */
const runNames = [
  'dictionary.json',
  'index.html',
  'moments.safetensors',
  'scores.safetensors',
  'neighbours/',
  'exemplars/',
];

/** Opens the folder of a run. @throws UserError as `openOutput` does. */
export async function openRunFolder(path: string, force?: boolean): Promise<OutputFolder> {
  const output = await openOutput(path, runKind, force);
  await output.expect(runNames);
  return output;
}

/** Beside an unfinished run: the settings that it is mined with. */
const settingsName = 'settings.json';

/**
 * Mines into a folder, and makes the page. An interrupted run goes on; one that was mined already gets its page only.
 * @param anew mine even if it was mined already.
 */
export async function mineInto(output: OutputFolder, options: MineOptions, anew = false): Promise<Dictionary> {
  const { folder, path } = output;
  const settings = miningKey(options);
  const mined = anew ? undefined : await minedAlready(output, settings, options);
  if (!mined) {
    // Of a run with other settings nothing but its state may stay, which tells itself apart.
    for (const name of runNames) await folder.remove(name);
    await folder.write(settingsName, [settings]);
  }
  const dictionary = mined ?? (await mine({ ...options, folder }));
  await writeReport(path, { folder, name: 'index.html' });
  await output.finish(await filesAmong(path, runNames));
  return dictionary;
}

/** The dictionary of a run that was killed before its page was made; undefined when it is of other settings, or damaged. */
async function minedAlready(
  { folder, path }: OutputFolder,
  settings: string,
  { onNote }: MineOptions,
): Promise<Dictionary | undefined> {
  const before = await folder.read(settingsName);
  if (!(await folder.read(runKind.last)) || !before || new TextDecoder().decode(before) !== settings) return undefined;
  try {
    return await readDictionary(folder, path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    onNote?.(`${error.message.replace(/; mine again$/, '')}; mining begins anew`);
    return undefined;
  }
}

/** Makes the page of a finished run in its folder, where it is one of the run's own files from then on. */
export async function makePage(path: string): Promise<void> {
  const page = 'index.html';
  const list = await readList(path, runKind.last);
  if (list && !list.files.includes(page)) {
    await expectOurs(path, [page], list);
    await writeList(path, runKind.last, [...list.files, page]);
  }
  await writeReport(path, { folder: nodeFolder(path), name: page });
}

/** Makes a page of a finished run. */
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
