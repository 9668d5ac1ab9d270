// Files of unfinished and finished searches that are cut, empty or of another kind: begun anew with a note, or named.
// What a search finds is tested elsewhere; the results here are made by hand.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { ProgressPrinter } from '../../src/cli/progress.ts';
import { putReady } from '../../src/cli/output/folder.ts';
import { claimFolder, makeResults, type Task } from '../../src/cli/search/results.ts';
import { openSearchFile } from '../../src/cli/search/state-file.ts';
import type { SearchCommandOptions } from '../../src/cli/search/options.ts';
import { UserError } from '../../src/errors.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { readSafetensorsBytes, safetensorsChunks } from '../../src/files/safetensors.ts';
import { float32, type Tensor } from '../../src/graph/tensor.ts';
import { beginSearch } from '../../src/synthesis/search/rows.ts';
import { searchTensors } from '../../src/synthesis/search/state.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-damaged-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['empty', () => Buffer.alloc(0)],
  ['cut', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['cut by a byte', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['null', () => Buffer.from('null')],
  ['a list', () => Buffer.from('[]')],
  ['an object', () => Buffer.from('{}')],
];

/** A printer, and what it has said. */
function listening() {
  const stream = new PassThrough();
  const printer = new ProgressPrinter(stream as unknown as NodeJS.WriteStream);
  return { printer, said: () => String((stream.read() as Buffer | null) ?? '') };
}

const image = float32([1, 3, 2, 2], new Float32Array(12).fill(0.5));
const outcome = (name: string): Awaited<ReturnType<Task['make']>> => ({
  ...{ name, stills: [{ file: 'image', caption: 'result', image }], way: [], facts: [{ label: 'r', value: '0.5' }] },
  ...{ latents: { z: float32([1, 2], new Float32Array(2)) }, about: {}, warnings: [], pairs: [] },
  ...{ curves: [{ name: 'loss', values: [[1, NaN], [2, 0.5]] }], metrics: { name, stopped: 'done' } }, // prettier-ignore
});

/** Makes two results; `stop` ends it before the second. */
async function make(out: string, made: string[], stop: boolean, force = false) {
  const { printer, said } = listening();
  const options = { out, every: 1, force } as SearchCommandOptions;
  const task = (name: string): Task => ({
    name,
    inputs: {},
    make() {
      if (stop && name === 'b') return Promise.reject(new Error('stopped'));
      made.push(name);
      return Promise.resolve(outcome(name));
    },
  });
  const output = await claimFolder(options, ['a', 'b']);
  await makeResults([task('a'), task('b')], { title: '', lead: '' }, { ...options, output, printer });
  return said();
}

describe('results of searches', () => {
  const unfinished = join(folder, 'unfinished');
  const part = join(unfinished, '.rosetta-unfinished', 'a', 'part.json');

  it.each([
    ...damages,
    [
      'of another kind inside',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace('"pictures":[', '"pictures":[7,')),
    ],
    ['of other facts', (bytes: Buffer) => Buffer.from(bytes.toString().replace('"value":"0.5"', '"value":5'))],
  ] as const)('begin anew, with a note, where what is kept of a finished one is %s', async (_, damage) => {
    rmSync(unfinished, { recursive: true, force: true });
    await expect(make(unfinished, [], true)).rejects.toThrow('stopped');
    const whole = readFileSync(part);
    // As it was left: the first one is not made again, numbers that JSON has none of included.
    const made: string[] = [];
    await expect(make(unfinished, made, true)).rejects.toThrow('stopped');
    expect(made).toEqual([]);

    writeFileSync(part, damage(whole));
    expect(await make(unfinished, made, false)).toContain('a/part.json of the unfinished results is damaged');
    expect(made).toEqual(['a', 'b']);
  });

  it.each(damages)(
    'are replaced, or their list is named, where a finished folder has one that is %s',
    async (what, damage) => {
      const out = join(folder, 'finished');
      for (const name of ['.rosetta.json', 'metrics.json', 'index.html', 'a/latent.safetensors', 'a/image.png']) {
        rmSync(out, { recursive: true, force: true });
        await make(out, [], false);
        const file = join(out, name);
        writeFileSync(file, damage(readFileSync(file)));
        const again = make(out, [], false, true);
        if (name === '.rosetta.json') {
          const error = await again.catch((reason: unknown) => reason);
          // Only its last line break may be missing.
          if (what !== 'cut by a byte') expect(error).toBeInstanceOf(UserError);
          if (what !== 'cut by a byte') expect((error as Error).message).toContain(file);
        } else expect(await again).not.toContain('damaged');
      }
    },
  );

  it.each(damages)('are not put in place where the list of those that are ready is %s', async (_, damage) => {
    const out = join(folder, 'ready');
    rmSync(out, { recursive: true, force: true });
    await expect(make(out, [], true)).rejects.toThrow('stopped');
    const ready = Buffer.from(JSON.stringify({ files: ['index.html', 'metrics.json'] }));
    writeFileSync(join(out, '.rosetta-unfinished', 'ready.json'), damage(ready));
    expect(await putReady(out, { last: 'metrics.json' })).toBe(false);
    expect(await make(out, [], false)).not.toContain('damaged');
  });
});

describe('the file of an unfinished search', () => {
  const start = { z: float32([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)) };
  const name = 'search.safetensors';
  const whole = (): Map<string, Tensor> =>
    new Map<string, Tensor>([
      ...searchTensors({ start, state: { ...beginSearch(start), step: 1 } }),
      ['way/frames', { dtype: 'uint8', shape: [1, 2, 1, 1, 3], data: new Uint8Array(6) }],
      ['curve/loss', float32([1, 2], Float32Array.of(1, 2))],
    ]);
  const open = async (bytes: readonly (Uint8Array | string)[]) => {
    const files = memoryFolder();
    await files.write(name, bytes);
    const { printer, said } = listening();
    return { file: await openSearchFile(files, '', 'settings', 1, printer), said: said() };
  };
  const bytesOf = (tensors: Map<string, Tensor>) => {
    const metadata = { settings: 'settings', seconds: '1' };
    const hash = createHash('sha256');
    for (const chunk of safetensorsChunks(tensors, metadata)) hash.update(chunk);
    return [...safetensorsChunks(tensors, { ...metadata, sha256: hash.digest('hex') })];
  };

  it('is taken up where it is whole', async () => {
    const { file, said } = await open(bytesOf(whole()));
    expect(said).toContain('going on from step 1');
    expect(file.saved?.start.z?.data).toEqual(start.z.data);
    expect(file.track.curves(1)).toEqual([{ name: 'loss', values: [[1, 2]] }]);
    expect(await readSafetensorsBytes(name, Buffer.concat(bytesOf(whole())))).toBeDefined();
  });

  it.each(damages)('begins anew with a note where it is %s', async (_, damage) => {
    const { file, said } = await open([damage(Buffer.concat(bytesOf(whole())))]);
    expect([file.saved, said]).toEqual([undefined, expect.stringMatching(/search\.safetensors is damaged; a new one/)]);
  });

  it.each([...whole().keys()])('begins anew with a note where its "%s" is missing or of another form', async (key) => {
    const one = float32([1], Float32Array.of(1));
    const twice: Tensor = { dtype: 'float64', shape: [1], data: new Float64Array(1) } as unknown as Tensor;
    for (const other of [undefined, one, twice]) {
      const tensors = whole();
      if (other) tensors.set(key, other);
      else if (key === 'curve/loss') continue;
      else tensors.delete(key);
      const { file, said } = await open(bytesOf(tensors));
      expect([file.saved, said]).toEqual([undefined, expect.stringMatching(/is damaged; a new one begins/)]);
    }
  });

  it.each(['z', 'c'] as const)('begins anew with a note where it lacks both moments of %s', async (lost) => {
    const both = { ...start, c: float32([2, 2], Float32Array.of(0, 1, 1, 0)) };
    const tensors = whole();
    for (const key of [...tensors.keys()]) if (/^(start|latents|best|adam)/.test(key)) tensors.delete(key);
    for (const [key, tensor] of searchTensors({ start: both, state: { ...beginSearch(both), step: 1 } }))
      if (!key.startsWith(`adam/${lost}/`)) tensors.set(key, tensor);
    const { file, said } = await open(bytesOf(tensors));
    expect([file.saved, said]).toEqual([undefined, expect.stringMatching(/is damaged; a new one begins/)]);
  });

  it.each([NaN, -1, 0.5, Infinity])('begins anew where its step is %d', async (step) => {
    const tensors = whole();
    tensors.set('steps', float32([2], Float32Array.of(step, 0)));
    expect((await open(bytesOf(tensors))).file.saved).toBeUndefined();
  });
});
