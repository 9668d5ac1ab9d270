// Compiled copies of checkpoints: the same network from them, and made anew when they are damaged or of something else.

import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { InferenceSession } from 'onnxruntime-node';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPartial } from '../../../src/files/node/replace-file.ts';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { modelGraph } from '../../../src/zoo/export.ts';
import { readOnnxFile } from '../../../src/zoo/node.ts';
import { largestDifference } from '../../golden.ts';
import { loadEncoder, noise, relativeError, runTaps } from '../fixtures.ts';

const official = new URL('../../golden/torchvision_resnet50/', import.meta.url).pathname;
const file = 'resnet50_small.pth';
const root = mkdtempSync(join(tmpdir(), 'rosetta-compiled-'));
const checkpoint = join(root, 'net.pth');
const folder = join(root, 'cache');
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  copyFileSync(official + file, checkpoint);
});

const x = noise([1, 3, 64, 64], 5);
const open = (settings: Record<string, string> = {}) =>
  loadEncoder(checkpoint, { name: 'm', settings: { size: '64', ...settings }, compiled: { folder } });
const entries = (extension: string) => readdirSync(folder).filter((name) => name.endsWith(extension));
const dataFile = () =>
  join(
    folder,
    entries('.data').find((name) => !name.endsWith('.more.data'))!,
  );

async function plain() {
  const { model } = await loadEncoder(checkpoint, { name: 'm', settings: { size: '64' } });
  return runTaps(model, x);
}

/** Whether all weights of a model are read from the compiled copy. */
function isStored(model: Awaited<ReturnType<typeof open>>['model']): boolean {
  const b = new GraphBuilder();
  const { output } = model.addRawTo(b, b.input('x', [1, 3, 64, 64]));
  b.output(output, 'y');
  const large = [...b.build().initializers.values()].filter(({ shape }) => shape.length === 4);
  return large.length > 10 && large.every(({ stored }) => stored?.folder === folder);
}

type Run = Awaited<ReturnType<typeof plain>>;

function expectSame(got: Run, expected: Run): void {
  expect(Object.keys(got.taps)).toEqual(Object.keys(expected.taps));
  const pairs = [
    ...Object.keys(expected.taps).map((name) => [got.taps[name], expected.taps[name]]),
    [got.output, expected.output],
  ];
  for (const [a, b] of pairs) expect(largestDifference(a.data as Float32Array, b.data as Float32Array)).toBe(0);
}

describe('a compiled copy', () => {
  it('gives the same maps, with weights that stay in its file', async () => {
    const expected = await plain();
    for (const time of ['first', 'second']) {
      const { model } = await open();
      expect(isStored(model), time).toBe(true);
      const got = await runTaps(model, x);
      expectSame(got, expected);
    }
    expect(entries('.json').filter((name) => !name.endsWith('.digest.json'))).toHaveLength(1);
  });

  it('is of a checkpoint whose config.json is nested more deeply than anything that walks it survives, too', async () => {
    const config = join(root, 'config.json');
    writeFileSync(config, `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`);
    try {
      expect(isStored((await open()).model)).toBe(true);
    } finally {
      rmSync(config);
    }
  });

  it('is not made again while nothing has changed', async () => {
    await open();
    const before = statSync(dataFile()).mtimeMs;
    await open();
    expect(statSync(dataFile()).mtimeMs).toBe(before);
  });

  it('has beside it, while the engine opens it, only what is removed after a kill, and nothing then', async () => {
    const { model } = await open();
    const before = readdirSync(folder).sort();
    const beside: string[] = [];
    const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
    const spy = vi.spyOn(InferenceSession, 'create').mockImplementation((...args: unknown[]) => {
      beside.push(...readdirSync(folder).filter((name) => !before.includes(name)));
      return create(...args);
    });
    try {
      await nodeEngine().open(modelGraph(model, { batch: 1 }));
    } finally {
      spy.mockRestore();
    }
    expect(beside).toHaveLength(2);
    expect(beside.filter((name) => !isPartial(name))).toEqual([]);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it('has the graph as an ONNX file of its own', async () => {
    const { model } = await open();
    const graph = await readOnnxFile(join(folder, entries('.onnx')[0]));
    const session = await nodeEngine().open(graph);
    const images = noise([1, 3, 64, 64], 6);
    const got = await session.run({ images });
    const own = await nodeEngine().open(modelGraph(model, { batch: 1 }));
    const expected = (await own.run({ images })).tensors;
    // With all layers as outputs fewer operators are fused, so that rounding differs.
    for (const name of ['output', 'layer2'])
      expect(relativeError(got.tensors[name], expected[name])).toBeLessThan(1e-5);
  });

  it.each<[string, () => void]>([
    ['is cut short', () => truncateSync(dataFile(), 5000)],
    [
      'has other bytes',
      () => {
        const bytes = readFileSync(dataFile());
        bytes.fill(7, 4096, 8192);
        writeFileSync(dataFile(), bytes);
        utimesSync(dataFile(), new Date(), new Date());
      },
    ],
    ['has lost its graph', () => rmSync(join(folder, entries('.onnx')[0]))],
    [
      'has a damaged index',
      () => {
        const index = entries('.json').find((name) => !name.endsWith('.digest.json'))!;
        truncateSync(join(folder, index), 100);
      },
    ],
    [
      'has an index with another digit',
      () => {
        const index = entries('.json').find((name) => !name.endsWith('.digest.json'))!;
        const text = readFileSync(join(folder, index), 'utf8');
        const changed = text.replace(/"offset":[1-9]\d*/, '"offset":64');
        expect(changed).not.toBe(text);
        writeFileSync(join(folder, index), changed);
      },
    ],
    [
      'is of another version',
      () => {
        const index = join(
          folder,
          entries('.json').find((name) => !name.endsWith('.digest.json'))!,
        );
        writeFileSync(index, readFileSync(index, 'utf8').replace(/"version":"[^"]*"/, '"version":"0.0.0/0"'));
      },
    ],
  ])('is made anew when it %s', async (_, damage) => {
    const expected = await plain();
    await open();
    damage();
    const { model } = await open();
    expect(isStored(model)).toBe(true);
    const got = await runTaps(model, x);
    expectSame(got, expected);
  });

  it('takes away what killed processes left without an index, once it is old', async () => {
    await open();
    const [old, young] = ['0'.repeat(16), '1'.repeat(16)].map((key) => `${key}-${'2'.repeat(12)}`);
    for (const key of [old, young])
      for (const end of ['data', 'more.data', 'onnx']) writeFileSync(join(folder, `${key}.${end}`), 'x');
    for (const end of ['data', 'more.data', 'onnx']) utimesSync(join(folder, `${old}.${end}`), 1, 1);
    await open({ strideOn: 'conv1' });
    const left = readdirSync(folder);
    expect(left.filter((name) => name.startsWith(old))).toEqual([]);
    expect(left.filter((name) => name.startsWith(young))).toHaveLength(3);
    expect(entries('.onnx')).toHaveLength(3);
  });

  it('is of one content and one configuration', async () => {
    await open();
    await open({ strideOn: 'conv1' });
    const bytes = readFileSync(checkpoint);
    writeFileSync(checkpoint, Buffer.concat([bytes]));
    utimesSync(checkpoint, new Date(1), new Date(1));
    await open();
    expect(entries('.onnx')).toHaveLength(2);
  });

  it('is left out, and that is told, where it cannot be written', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    const failures: string[] = [];
    const compiled = { folder: join(folder, 'inside'), onFailure: (error: Error) => failures.push(error.message) };
    const loaded = loadEncoder(checkpoint, { name: 'm', settings: { size: '64' }, compiled });
    const { model } = await loaded;
    expect(failures).toHaveLength(1);
    expectSame(await runTaps(model, x), await plain());
    rmSync(folder);
  });
});
