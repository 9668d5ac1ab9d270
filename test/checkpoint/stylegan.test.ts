// StyleGAN pickles: against a second reading with Python's pickle and NumPy (exact), and by hand.

import { describe, expect, it } from 'vitest';
import { crc32 } from 'node:zlib';
import { existsSync, readFileSync } from 'node:fs';
import { networkPath, pickledModules, stateDict, type ByteSource } from '../../src/checkpoint/index.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { readPickle, unpickle } from '../../src/checkpoint/pickle/pickle.ts';
import { bytesSource } from '../../src/files/source.ts';
import { toBytes, toNumbers } from '../../src/graph/tensor.ts';
import { bytesOf, concat, contents, messageOf, openBytes, openGolden, shared } from './fixtures.ts';
import * as w from './pickle-writer.ts';

type Row = [name: string, dtype: string, shape: number[], crc: number];
interface Reading {
  readonly tensors: Row[];
  readonly modules: Record<string, [className: string, attributes: unknown]>;
}
const readings = JSON.parse(Buffer.from(bytesOf('checkpoint/stylegan.json')).toString()) as Record<string, Reading>;
const files = Object.keys(readings);

const inNetwork = (rows: readonly Row[]): Row[] => rows.filter(([name]) => name.startsWith('G_ema.'));

describe.each(files)('%s', (file) => {
  const { tensors, modules } = readings[file];

  it('has the tensors that Python finds, bit by bit', async () => {
    const checkpoint = await openGolden(file);
    expect(checkpoint.format).toBe('stylegan-pickle');
    const rows: Row[] = [];
    for (const ref of checkpoint.tensors.values()) {
      const tensor = await ref.load();
      rows.push([ref.name, tensor.dtype, [...tensor.shape], crc32(toBytes(tensor))]);
    }
    expect(rows).toEqual(tensors);
  });

  it('has its network at G_ema, whatever else is in it', async () => {
    const checkpoint = await openGolden(file);
    expect(networkPath(checkpoint)).toBe('G_ema');
    const names = inNetwork(tensors).map(([name]) => name.slice('G_ema.'.length));
    expect(names.length).toBeGreaterThan(50);
    expect([...stateDict(checkpoint).keys()]).toEqual(names);
  });

  it('has the modules and attributes that Python finds', async () => {
    const checkpoint = await openGolden(file);
    const found = pickledModules(checkpoint, 'G_ema')!;
    // The official files have paths of the machine that trained them; the list has the names of those files only.
    const named = (value: unknown, key = ''): unknown => {
      if (key === 'path_stem' && typeof value === 'string') return value.split('/').at(-1);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, named(inner, name)]));
    };
    const rows = [...found].map(([path, { className, attributes }]) => [path, [className, named(attributes)]]);
    expect(rows).toEqual(Object.entries(modules));
  });

  it('is the same whatever part of it is in memory', async () => {
    const source = bytesSource(file, bytesOf(file));
    const whole = unpickle(file, bytesOf(file));
    expect(await readPickle(source, 0, {}, 1 << 16)).toEqual(whole);
    if (source.size < 1e5) expect(await readPickle(source, 0, {}, 64)).toEqual(whole);
  });
});

describe('settings of the layers', () => {
  const layers = (folder: string): Record<string, unknown>[] => {
    const manifest = JSON.parse(readFileSync(`${shared}golden/${folder}/manifest.json`, 'utf8')) as unknown;
    return (manifest as { layers: Record<string, unknown>[] }).layers;
  };
  const skipped = !existsSync(`${shared}golden/styleganxl`);

  it.skipIf(skipped).each([
    ['stylegan3r/stylegan3r_small.pkl', 7],
    ['styleganxl/imagenet32_small.pkl', 13],
    ['styleganxl/imagenet32_small.dill.pkl', 13],
  ])('%s has those of its manifest (skipped without ../shared)', async (file, count) => {
    const modules = pickledModules(await openGolden(file), 'G_ema')!;
    const expected = layers(file.split('/')[0]);
    expect(expected.length).toBe(count);
    expect(modules.get('synthesis')!.attributes.layer_names).toEqual(expected.map(({ name }) => name));
    for (const { name, ...settings } of expected) {
      expect(modules.get(`synthesis.${String(name)}`)).toMatchObject({
        className: 'SynthesisLayer',
        attributes: settings,
      });
    }
  });

  const full = `${shared}golden/full_shapes.json`;
  it.skipIf(!existsSync(full))('StyleGAN2 has the names of the full one (skipped without ../shared)', async () => {
    const shapes = JSON.parse(readFileSync(full, 'utf8')) as Record<string, { state_dict: [string][] }>;
    const expected = shapes.stylegan2_ada_256.state_dict.map(([name]) => name);
    const found = [...stateDict(await openGolden('stylegan2_ada/network-small.pkl')).keys()];
    // The small one has fewer resolutions, mapping layers, and classes.
    const common = expected.filter((name) => !/b(64|128|256)\.|fc[3-7]/.test(name));
    expect(found.filter((name) => !/embed/.test(name))).toEqual(common);
  });
});

const network = w.persistent(
  'Generator',
  w.moduleState(
    {
      modules: {
        synthesis: w.persistent(
          'SynthesisNetwork',
          w.moduleState({ parameters: { const: w.tensor([1, 2, 3, 4], [2, 2]), bias: w.none } }, { 'w.dim': w.int(3) }),
        ),
        none: w.none,
      },
      buffers: { w_avg: w.tensor([5]) },
    },
    { z_dim: w.int(2), _forward_hooks: w.dict({}) },
  ),
);
const snapshot = (entries: Record<string, w.Code>, protocol = 3): Uint8Array => w.pickle(w.dict(entries), protocol);

/** A source that counts what is read from it. */
function counting(bytes: Uint8Array): { source: ByteSource; read: () => number } {
  const inner = bytesSource('some.pkl', bytes);
  let total = 0;
  const source: ByteSource = {
    ...inner,
    read(offset, length) {
      total += length;
      return inner.read(offset, length);
    },
  };
  return { source, read: () => total };
}

describe('pickles by hand', () => {
  it('names tensors as a state_dict does', async () => {
    const found = stateDict(await openBytes(snapshot({ G: w.none, G_ema: network })));
    expect([...found.keys()]).toEqual(['w_avg', 'synthesis.const']);
    expect(toNumbers(await found.get('synthesis.const')!.load())).toEqual([1, 2, 3, 4]);
  });

  it('takes the averaged generator, not the raw one or the discriminator', async () => {
    const other = w.persistent('Other', w.moduleState({ parameters: { x: w.tensor([0]) } }));
    const found = stateDict(await openBytes(snapshot({ G: other, D: other, G_ema: network })));
    expect([...found.keys()]).toEqual(['w_avg', 'synthesis.const']);
  });

  it('reads a network that is not in a dict', async () => {
    const checkpoint = await openBytes(w.pickle(network));
    expect(networkPath(checkpoint)).toBe('');
    expect([...stateDict(checkpoint).keys()]).toEqual(['w_avg', 'synthesis.const']);
    expect([...pickledModules(checkpoint, '')!.keys()]).toEqual(['', 'synthesis']);
  });

  it('reads protocol 2, where bytes are texts', async () => {
    const file = Buffer.from(w.storageFile([1.5, -2])).toString('latin1');
    const encoded = w.call(w.global('_codecs', 'encode'), w.text(file), w.text('latin1'));
    const tensor = w.tensor([], [2], w.loadFromBytes(encoded));
    const { tensors } = await openBytes(snapshot({ x: tensor }, 2));
    expect(toNumbers(await tensors.get('x')!.load())).toEqual([1.5, -2]);
  });

  it('reads two tensors in one storage', async () => {
    const storage = w.put(9, w.loadFromBytes(w.bytes(w.storageFile([1, 2, 3]))));
    const found = await contents(
      await openBytes(snapshot({ a: w.tensor([], [3], storage), b: w.tensor([], [1], w.get(9)) })),
    );
    expect(Object.keys(found)).toEqual(['a', 'b']);
    expect(found.b).toEqual(['float32', [1], '0000803f']);
  });

  it('leaves the data of large tensors in the file until they are loaded', async () => {
    const values = Array.from({ length: 2 ** 20 }, (_, i) => i);
    const large = (bytes: (file: Uint8Array) => w.Code): w.Code =>
      w.tensor([], [2 ** 20], w.loadFromBytes(bytes(w.storageFile(values))));
    const { source, read } = counting(snapshot({ a: large(w.bytes), b: large(w.bytes8), c: w.tensor([7]) }));
    const checkpoint = await openCheckpoint(source);
    expect(read()).toBeLessThan(2 ** 20);
    expect([...checkpoint.tensors.values()].map(({ shape }) => shape)).toEqual([[2 ** 20], [2 ** 20], [1]]);
    const before = read();
    const b = await checkpoint.tensors.get('b')!.load();
    expect(read() - before).toBe(4 * 2 ** 20);
    expect(crc32(toBytes(b))).toBe(crc32(new Uint8Array(Float32Array.from(values).buffer)));
    expect(toNumbers(await checkpoint.tensors.get('c')!.load())).toEqual([7]);
  });

  it('reads tensors beyond 4 GiB', async () => {
    // Two storages of 3 GiB each that are all zeros: only what stands before, between and behind them is in memory.
    const count = 3 * 2 ** 28;
    const head = w.storageFile([], count);
    const before = (): Uint8Array => concat('\x8e', w.u64(BigInt(head.length + 4 * count)), head);
    const load = w.global('torch.storage', '_load_from_bytes');
    const rebuild = w.global('torch._utils', '_rebuild_tensor_v2');
    const place = concat('\x85R', w.int(count - 1), w.tuple(w.int(1)), w.tuple(w.int(1)), '\x89}tR');
    const parts = [
      concat('\x80\x04}(', w.text('a'), rebuild, '(', load, before()),
      concat(place, w.text('b'), rebuild, '(', load, before()),
      concat(place, w.text('c'), w.tensor([7]), 'u.'),
    ];
    const starts = [0, parts[0].length + 4 * count, parts[0].length + parts[1].length + 8 * count];
    const source: ByteSource = {
      name: 'large.pkl',
      size: starts[2] + parts[2].length,
      read(offset, length) {
        const bytes = new Uint8Array(length);
        parts.forEach((part, i) => {
          const from = Math.max(offset, starts[i]);
          const to = Math.min(offset + length, starts[i] + part.length);
          if (from < to) bytes.set(part.subarray(from - starts[i], to - starts[i]), from - offset);
        });
        return Promise.resolve(bytes);
      },
    };
    const { tensors } = await openCheckpoint(source);
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c']);
    expect(toNumbers(await tensors.get('b')!.load())).toEqual([0]);
    expect(toNumbers(await tensors.get('c')!.load())).toEqual([7]);
  });
});

describe('pickles without tensors', () => {
  it('tells a network of TensorFlow, and what to do with it', async () => {
    const network = concat(w.global('dnnlib.tflib.network', 'Network'), ')\x81', w.dict({ version: w.int(4) }), 'b');
    expect(await messageOf(openBytes(w.pickle(w.tuple(network, network, network))))).toBe(
      'some.pth is not a checkpoint: it looks like a StyleGAN network of TensorFlow. ' +
        'Convert it with legacy.py of stylegan2-ada-pytorch and give the .pkl that this writes.',
    );
  });
});
