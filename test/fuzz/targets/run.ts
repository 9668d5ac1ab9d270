// The files of a finished run, read back and packed for its page: dictionary, exemplars, maps.
// Moments are in states.ts; the page's own script is not run.

import fc from 'fast-check';
import { memoryFolder } from '../../../src/files/folder.ts';
import { readExemplars } from '../../../src/mining/run/read-exemplars.ts';
import { readDictionary } from '../../../src/mining/run/read-run.ts';
import { reportChunks } from '../../../src/report/index.ts';
import { fixture } from '../../report/fixture.ts';
import { alsoChanged } from '../generators/bytes.ts';
import { changedJson } from '../generators/json.ts';
import type { Target } from '../target.ts';

const { dictionary, exemplars, maps } = fixture({ concepts: 2, models: 2, pairs: 3, exemplars: true });
const files = { 'dictionary.json': dictionary, 'exemplars/exemplars.json': exemplars };

async function report(changed: string, bytes: Uint8Array): Promise<void> {
  const folder = memoryFolder();
  for (const [name, value] of Object.entries(files)) await folder.write(name, [JSON.stringify(value)]);
  await folder.write('exemplars/maps.bin', [maps!]);
  folder.files.set(changed, bytes);
  const read = await readDictionary(folder, 'run');
  const shown = await readExemplars(folder, 'run', read);
  const input = {
    dictionary: read,
    exemplars: shown,
    maps: await folder.read('exemplars/maps.bin'),
    images: new Map(),
  };
  for (const chunk of reportChunks(input, '')) void chunk;
}

export const run: readonly Target[] = [
  {
    name: 'dictionary',
    prepare: () => ({ inputs: changedJson([dictionary]), read: (bytes) => report('dictionary.json', bytes) }),
  },
  {
    name: 'exemplars',
    prepare: () => ({ inputs: changedJson([exemplars]), read: (bytes) => report('exemplars/exemplars.json', bytes) }),
  },
  {
    name: 'exemplar-maps',
    prepare: () => ({
      inputs: alsoChanged(fc.nat(maps!.length + 10).map((length) => maps!.slice(0, length))),
      read: (bytes) => report('exemplars/maps.bin', bytes),
    }),
  },
];
