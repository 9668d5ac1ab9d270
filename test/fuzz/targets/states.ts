// What this program writes and reads again: unfinished searches and their pages, trainings and minings, latents, moments.
// Dictionaries and exemplars are in run.ts, compiled models in cache.ts.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { readLatent } from '../../../src/cli/search/latent-file.ts';
import { readSafetensorsBytes, safetensorsChunks } from '../../../src/checkpoint/index.ts';
import { UserError } from '../../../src/errors.ts';
import { memoryFolder, type Folder } from '../../../src/files/folder.ts';
import { readJson } from '../../../src/files/json.ts';
import { float32, type Tensor } from '../../../src/graph/tensor.ts';
import { StateStore } from '../../../src/mining/correlation/saved-state.ts';
import { readMoments } from '../../../src/mining/run/read-run.ts';
import { program } from '../../../src/program.ts';
import { synthesisPage } from '../../../src/report/synthesis/page.ts';
import { pageOf, savedPageSchema } from '../../../src/report/synthesis/saved.ts';
import { searchFromTensors, searchTensors } from '../../../src/synthesis/search/state.ts';
import { checkpointFile, loadTraining } from '../../../src/training/loop/state.ts';
import { synthesisFixture } from '../../report/synthesis/fixture.ts';
import { joined } from '../generators/bytes.ts';
import { changedJson, changedNumbers } from '../generators/json.ts';
import { changedSafetensors } from '../generators/safetensors.ts';
import type { Target } from '../target.ts';

const tensor = (...shape: number[]): ReturnType<typeof float32> =>
  float32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5));
const file = (tensors: Record<string, Tensor>, metadata: Record<string, string> = {}): Uint8Array =>
  joined(...safetensorsChunks(new Map(Object.entries(tensors)), metadata));

const latents = { z: tensor(2, 4) };
const search = joined(
  ...safetensorsChunks(
    searchTensors({
      start: latents,
      state: {
        step: 3,
        latents,
        adam: { z: { first: tensor(8).data, second: tensor(8).data } },
        best: { latents, loss: tensor(2).data, step: Int32Array.of(1, 2) },
        improved: { loss: tensor(2).data, step: 2 },
      },
    }),
    { settings: '{}', seconds: '1' },
  ),
);

const units = JSON.stringify(['a/l/0', 'a/l/1']);
const moments = file({ 'a.mean': tensor(2), 'a.std': tensor(2) }, { 'units.a': units });

const training = file(
  { 'weights/w': tensor(2, 3), 'moments/w': tensor(2, 3) },
  {
    format: `${program.name} training`,
    version: '1',
    program: program.version,
    step: '5',
    seed: '0',
    recipe: '{"name":"r"}',
    sums: JSON.stringify({ loss: [1, 2] }),
  },
);

const exemplarLatents = file(
  { z: tensor(3, 4), c: tensor(3, 2) },
  { samples: '[0,1,2]', recipe: JSON.stringify({ generator: 'g', seed: 1, truncation: 0.5, classes: [0, 1], noise: 'none' }) }, // prettier-ignore
);

const current = {
  key: 'k',
  number: 1,
  passes: 1,
  cursor: { part: 0, half: 0, position: 16, images: 16, batches: [1] },
  unreadable: [{ name: 'a.png', reason: 'broken' }],
  groups: ['centres', 'neighbours/a b'],
};

/** A damaged state is none: the run begins anew. */
async function loaded(folder: Folder): Promise<void> {
  if (!(await new StateStore(folder, 'k').load())) throw new UserError('begins anew');
}

export const states: readonly Target[] = [
  {
    name: 'search-state',
    prepare: () => ({
      inputs: changedSafetensors([search]),
      read: async (bytes) => searchFromTensors(await readSafetensorsBytes('search.safetensors', bytes)),
    }),
  },
  {
    name: 'saved-page',
    async prepare() {
      const page = await synthesisFixture(2);
      return {
        inputs: fc.oneof(changedJson([page]), changedNumbers([page])),
        read(bytes) {
          const { problem, value } = readJson(savedPageSchema, bytes);
          if (problem !== undefined) throw new UserError(problem);
          synthesisPage(pageOf(value));
        },
      };
    },
  },
  {
    name: 'training-state',
    prepare: () => ({
      inputs: changedSafetensors([training]),
      async read(bytes) {
        const folder = memoryFolder();
        folder.files.set(checkpointFile, bytes);
        let damaged = false;
        await loadTraining(folder, () => (damaged = true));
        if (damaged) throw new UserError('begins anew');
      },
    }),
  },
  {
    name: 'mining-state',
    prepare: () => ({
      inputs: changedJson([current]),
      async read(bytes) {
        const folder = memoryFolder();
        folder.files.set('partial/current.json', bytes);
        for (const i of [0, 1]) folder.files.set(`partial/1/${i}.safetensors`, moments);
        await loaded(folder);
      },
    }),
  },
  {
    name: 'mining-state-sums',
    prepare: () => ({
      inputs: changedSafetensors([moments]),
      async read(bytes) {
        const folder = memoryFolder();
        await folder.write('partial/current.json', [JSON.stringify(current)]);
        for (const i of [0, 1]) folder.files.set(`partial/1/${i}.safetensors`, i ? bytes : moments);
        await loaded(folder);
      },
    }),
  },
  {
    name: 'moments',
    prepare: () => ({
      inputs: changedSafetensors([moments]),
      async read(bytes) {
        const folder = memoryFolder();
        folder.files.set('moments.safetensors', bytes);
        const found = await readMoments(folder, 'run');
        found.layersOf('a');
        found.momentsOf('a', 'l', [0, 1]);
      },
    }),
  },
  {
    name: 'latents',
    prepare: (scratch) => ({
      inputs: changedSafetensors([exemplarLatents, file({ ws: tensor(2, 3, 4) }, { generator: 'g', truncation: '1' })]),
      async read(bytes) {
        const path = join(scratch, 'latents.safetensors');
        await writeFile(path, bytes);
        await readLatent(`${path}#1`);
      },
    }),
  },
];
