// The modules and plain attributes of pickled networks, by hand and as NumPy wrote them (exact).

import { describe, expect, it } from 'vitest';
import { networkPath, pickledModules, type Checkpoint, type TreeObject } from '../../src/checkpoint/index.ts';
import { numpyValue } from '../../src/checkpoint/pickle/numpy-values.ts';
import { unpickle } from '../../src/checkpoint/pickle/pickle.ts';
import { bytesOf, concat, openBytes, openGolden } from './fixtures.ts';
import * as w from './pickle-writer.ts';

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

describe('pickledModules', () => {
  const of = async (attributes: Record<string, w.Code>): Promise<unknown> => {
    const net = w.persistent('Net', w.moduleState({ parameters: { x: w.tensor([1]) } }, attributes));
    return pickledModules(await openBytes(snapshot({ G_ema: net })), 'G_ema')!.get('')!.attributes;
  };
  const f8 = (...values: number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer);
  const f4 = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

  it('gives classes and plain attributes by path', async () => {
    const modules = pickledModules(await openBytes(snapshot({ G_ema: network })), 'G_ema')!;
    expect([...modules]).toEqual([
      ['', { className: 'Generator', attributes: { z_dim: 2 } }],
      ['synthesis', { className: 'SynthesisNetwork', attributes: { 'w.dim': 3 } }],
    ]);
  });

  it('reads texts, numbers, lists, tuples, sets and dicts', async () => {
    const attributes = {
      text: w.text('ü'),
      yes: '\x88',
      nothing: w.none,
      half: concat('G', new Uint8Array([0x3f, 0xe0, 0, 0, 0, 0, 0, 0])),
      list: w.list(w.int(1), w.tuple(w.int(-2))),
      set: w.call(w.global('builtins', 'set'), w.list(w.text('a'))),
      dict: concat('}(', w.int(4), w.int(512), w.tuple(), w.int(1), 'u'),
      easy: concat(w.global('dnnlib.util', 'EasyDict'), ')\x81', '(', w.text('a'), w.int(1), 'u'),
    };
    expect(await of(attributes)).toEqual({
      ...{ text: 'ü', yes: true, nothing: null, half: 0.5, list: [1, [-2]], set: ['a'], dict: { 4: 512 } },
      easy: { a: 1 },
    });
  });

  it.each(['numpy.core', 'numpy._core'])('reads numbers and arrays of %s', async (module) => {
    const four = w.bytes(f4(1, 2, 3, 4));
    expect(
      await of({
        scalar: w.numpyScalar('f8', f8(0.1), module),
        flag: w.numpyScalar('b1', Uint8Array.of(1), module),
        count: w.numpyScalar('i8', Uint8Array.of(254, 255, 255, 255, 255, 255, 255, 255), module),
        array: w.numpyArray('f4', [w.int(2), w.int(2)], four, module),
        empty: w.numpyArray('f4', [w.int(0)], w.bytes(f4()), module),
        buffer: w.call(
          ...([w.global(`${module}.numeric`, '_frombuffer'), concat('\x96', w.u64(8n), f8(3))] as const),
          ...([
            concat(w.global('numpy', 'dtype'), w.tuple(w.text('f8')), 'R'),
            w.tuple(w.int(1)),
            w.text('C'),
          ] as const),
        ),
      }),
    ).toEqual({ scalar: 0.1, flag: true, count: -2, array: [1, 2, 3, 4], empty: [], buffer: [3] });
  });

  it('leaves out what is not plain, large arrays, and what contains itself', async () => {
    const attributes = {
      tensor: w.tensor([1]),
      class: w.global('torch', 'float32'),
      list: w.list(w.int(1), w.global('torch', 'float32')),
      dict: w.dict({ a: w.int(1), b: w.global('torch', 'float32') }),
      long: w.numpyArray('f4', [w.int(4097)], w.bytes(new Uint8Array(4 * 4097))),
      objects: w.numpyArray('O8', [w.int(1)], w.list(w.none)),
      cycle: concat(w.put(1, ']'), w.get(1), 'a'),
    };
    expect(await of(attributes)).toEqual({ dict: { a: 1 } });
  });

  it('takes keys that mean something to JavaScript for mere keys', async () => {
    const found = (await of({ constructor: w.int(2), ['__proto__']: w.int(3) })) as object;
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
    expect(Object.entries(found)).toEqual([
      ['constructor', 2],
      ['__proto__', 3],
    ]);
  });

  it('is undefined for a state dict, a list, a safetensors file and a path that is not there', async () => {
    const none = (checkpoint: Checkpoint, path = networkPath(checkpoint)): void =>
      expect(pickledModules(checkpoint, path)).toBeUndefined();
    none(await openGolden('torchvision_resnet50/resnet50_small.pth'));
    none(await openGolden('checkpoint/tensors.safetensors'));
    none(await openBytes(snapshot({ G_ema: w.dict({ x: w.tensor([1]) }) })));
    none(await openBytes(w.pickle(w.list(w.tensor([1])))));
    none(await openBytes(snapshot({ G_ema: network })), 'G_ema.absent');
  });
});

describe('numbers that NumPy wrote', () => {
  const rows = JSON.parse(Buffer.from(bytesOf('checkpoint/numpy.json')).toString()) as Record<string, string>[];
  it.each(rows)('$name', ({ hex, value }) => {
    const { value: record } = unpickle('numpy.pkl', new Uint8Array(Buffer.from(hex, 'hex')));
    expect(numpyValue(record as TreeObject)).toEqual(value);
  });
});
