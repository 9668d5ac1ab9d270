// Small graphs as models: layouts, types, batches and sizes of the image, and tokens laid back on their grid.
// Against ONNX Runtime running the same graph image by image, or against numbers computed here in float64.

import { describe, expect, it } from 'vitest';
import { float, int, ints } from '../../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { addOutputs } from '../../../src/graph/edit.ts';
import type { Dim, Graph } from '../../../src/graph/graph.ts';
import { float32, fromNumbers, int64, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { modelFromGraph, proposeTaps } from '../../../src/zoo/onnx/onnx.ts';
import { run } from '../../graph/engine.ts';
import { graphOf, imageOf, images, noise, relativeError, runTaps, stack } from '../fixtures.ts';

/** The graph with other dimensions of its image input than it was built for. */
const withInput = (graph: Graph, shape: readonly Dim[]): Graph => ({
  ...graph,
  inputs: [{ ...graph.inputs[0], shape }],
});

/** A graph from one image input to one output. */
function network(shape: readonly number[], layers: (b: GraphBuilder, x: Value) => Value, dtype = 'float32'): Graph {
  const b = new GraphBuilder();
  b.output(layers(b, b.input('x', shape, dtype as 'float32')), 'y');
  return b.build();
}

const conv = (b: GraphBuilder, x: Value, channels: number, name: string, stride = 1): Value => {
  const w = b.constant(noise([channels, x.shape[1], 3, 3], channels), `${name}.weight`);
  const bias = b.constant(noise([channels], channels + 1), `${name}.bias`);
  return b.conv(x, w, bias, { pads: [1, 1, 1, 1], strides: [stride, stride] }, name);
};

/** Taps and output, image by image, of the graph itself. */
async function oneByOne(graph: Graph, x: Tensor, names: readonly string[]): Promise<Record<string, Tensor>> {
  const tapped = addOutputs(graph, names);
  const results: Record<string, Tensor>[] = [];
  for (let i = 0; i < x.shape[0]; i++) results.push(await run(tapped, { x: imageOf(x, i) }));
  return Object.fromEntries(['y', ...names].map((name) => [name, stack(results.map((result) => result[name]))]));
}

const copies = (graph: Graph, op = 'Conv') => graph.nodes.filter((node) => node.op === op).length;

describe('batches', () => {
  const plain = network([1, 3, 8, 8], (b, x) => b.relu(conv(b, b.relu(conv(b, x, 8, 'a'), 'r'), 4, 'c', 2)));

  it('binds a fixed batch anew where every operator keeps images apart', async () => {
    const { model } = modelFromGraph(plain, { name: 'm', taps: ['a', 'r', 'c'] });
    const x = noise([3, 3, 8, 8], 1);
    const expected = await oneByOne(plain, x, ['a', 'r', 'c']);
    const { taps, output } = await runTaps(model, x);
    for (const name of ['a', 'r', 'c']) expect(relativeError(taps[name], expected[name])).toBeLessThan(1e-6);
    expect(relativeError(output, expected.y)).toBeLessThan(1e-6);
    expect(copies(graphOf(model, [3, 3, 8, 8]))).toBe(2);
  });

  it('binds a dynamic batch', async () => {
    const { model } = modelFromGraph(withInput(plain, ['n', 3, 8, 8]), { name: 'm', taps: ['c'] });
    const x = noise([5, 3, 8, 8], 2);
    expect(relativeError((await runTaps(model, x)).taps.c, (await oneByOne(plain, x, ['c'])).c)).toBeLessThan(1e-6);
    expect(copies(graphOf(model, [5, 3, 8, 8]))).toBe(2);
  });

  /** Each would be accepted by the shapes of its taps alone, or is refused by them. */
  const baked: Record<string, (b: GraphBuilder, x: Value) => Value> = {
    'a reshape to a batch of 1': (b, x) => {
      const grouped = b.transpose(b.reshape(x, [1, 2, 4, 8, 8]), [0, 2, 1, 3, 4]);
      return b.reshape(grouped, [1, 8, 8, 8]);
    },
    'a softmax over the batch': (b, x) => b.mul(b.softmax(x, 0), x),
    'a mean over the batch': (b, x) => b.sub(b.mul(x, 2), b.reduceMean(x, [0], true)),
    'a reshape that cuts across images': (b, x) => {
      const rows = b.op('Reshape', [x, b.constant(int64([8, -1]))])[0];
      return b.op('Reshape', [b.softmax(rows, 0), b.constant(int64([-1, 8, 8, 8]))])[0];
    },
    'products between images': (b, x) => {
      const flat = b.flatten(x);
      const products = b.matmul(flat, b.transpose(flat, [1, 0]));
      return b.op('Reshape', [b.matmul(b.mul(products, 0.01), flat), b.constant(int64([-1, 8, 8, 8]))])[0];
    },
    'a window over images': (b, x) => {
      const turned = b.transpose(x, [2, 1, 0, 3]);
      return b.transpose(b.averagePool(turned, { kernel: [3, 3], pads: [1, 1, 1, 1] }), [2, 1, 0, 3]);
    },
    'a sum along the batch': (b, x) => b.op('CumSum', [x, b.constant(int64([0], []))])[0],
    'a normalisation over whole batches': (b, x) =>
      b.op('LayerNormalization', [x, b.constant(noise([1, 8, 8, 8], 3))], { axis: int(0) })[0],
  };
  it.each(Object.keys(baked))('lays the network several times for %s', async (name) => {
    const graph = network([1, 3, 8, 8], (b, x) =>
      conv(b, b.mul(baked[name](b, conv(b, x, 8, 'a')), 1, 'mixed'), 8, 'c'),
    );
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['mixed', 'c'] });
    const x = noise([3, 3, 8, 8], 3);
    const expected = await oneByOne(graph, x, ['mixed', 'c']);
    const { taps } = await runTaps(model, x);
    expect(relativeError(taps.mixed, expected.mixed)).toBeLessThan(1e-6);
    expect(relativeError(taps.c, expected.c)).toBeLessThan(1e-6);
    const laid = graphOf(model, [3, 3, 8, 8]);
    expect(copies(laid)).toBe(6);
    expect([...laid.initializers.keys()].filter((key) => key.endsWith('.weight')).length).toBe(2); // shared
  });

  it('fills up the last copy where a fixed batch does not divide the number of images', async () => {
    const shuffle = (b: GraphBuilder, x: Value) =>
      b.reshape(b.transpose(b.reshape(x, [2, 2, 4, 8, 8]), [0, 2, 1, 3, 4]), [2, 8, 8, 8]);
    const graph = network([2, 3, 8, 8], (b, x) => conv(b, shuffle(b, conv(b, x, 8, 'a')), 8, 'c'));
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['c'] });
    const x = noise([5, 3, 8, 8], 4);
    const { c } = (await runTaps(model, x)).taps;
    const pairs = [0, 2, 3].map((i) => stack([imageOf(x, i), imageOf(x, i + 1)]));
    const expected = await Promise.all(pairs.map(async (pair) => (await run(addOutputs(graph, ['c']), { x: pair })).c));
    const inOrder = [0, 1, 2, 3].map((i) => imageOf(expected[i < 2 ? 0 : 1], i % 2)).concat(imageOf(expected[2], 1));
    inOrder[3] = imageOf(expected[2], 0);
    expect(relativeError(c, stack(inOrder))).toBeLessThan(1e-6);
    expect(copies(graphOf(model, [5, 3, 8, 8]))).toBe(6);
  });

  it('runs layers on whole batches though the classifier is made for one image', async () => {
    const graph = network([1, 3, 8, 8], (b, x) => {
      const flat = b.reshape(b.relu(conv(b, x, 8, 'a')), [1, 512]);
      return b.gemm(flat, b.constant(noise([512, 4], 5)));
    });
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['a'] });
    const x = noise([3, 3, 8, 8], 5);
    const expected = await oneByOne(graph, x, ['a']);
    const { taps, output } = await runTaps(model, x);
    expect(relativeError(taps.a, expected.a)).toBeLessThan(1e-6);
    expect(relativeError(output, expected.y)).toBeLessThan(1e-6);
    const b = new GraphBuilder();
    b.output(model.addRawTo(b, b.input('x', [3, 3, 8, 8])).taps.get('a')!, 'tap');
    expect(copies(b.build())).toBe(1);
  });

  it('lays two networks into one builder', () => {
    const { model } = modelFromGraph(plain, { name: 'm', taps: ['c'] });
    const b = new GraphBuilder();
    const x = b.input('x', [1, 3, 8, 8]);
    for (const name of ['one', 'two']) b.output(model.addRawTo(b, x).taps.get('c')!, name);
    expect(b.build().initializers.size).toBe(plain.initializers.size);
  });
});

describe('images', () => {
  it('takes NHWC, and lays layers between as NCHW', async () => {
    const graph = network([1, 6, 8, 3], (b, x) => {
      const twice = b.mul(x, 2, 'twice');
      return b.transpose(b.relu(conv(b, b.transpose(twice, [0, 3, 1, 2]), 8, 'a')), [0, 2, 3, 1], 'nhwc');
    });
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['twice', 'a', 'nhwc'] });
    expect(model.card.input).toMatchObject({ height: 6, width: 8 });
    const x = noise([2, 3, 6, 8], 6);
    const { taps } = await runTaps(model, x);
    expect(taps.twice).toEqual({ ...x, data: x.data.map((v) => 2 * v) });
    const w = graph.initializers.get('a.weight')!;
    const direct = network([2, 3, 6, 8], (b, y) =>
      b.conv(b.mul(y, 2), b.constant(w), b.constant(graph.initializers.get('a.bias')!), { pads: [1, 1, 1, 1] }),
    );
    const { y } = await run(direct, { x });
    expect(relativeError(taps.a, y)).toBeLessThan(1e-6);
    expect(relativeError(taps.nhwc, { ...y, data: toFloat32(y).map((v) => Math.max(v, 0)) })).toBeLessThan(1e-6);
  });

  it('takes bytes: 255 times the value, rounded', async () => {
    const graph = network([1, 3, 4, 4], (b, x) => b.mul(b.cast(x, 'float32'), 1, 'bytes'), 'uint8');
    const { model, assumed } = modelFromGraph(graph, { name: 'm', taps: ['bytes'] });
    expect(assumed).toEqual(['mean=0,0,0', 'std=1,1,1', 'resize=bilinear', 'antialias=true']);
    const values = [0, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 3 / 255, 1, 1.02, -0.02, 254.4 / 255];
    const x = float32(
      [1, 3, 4, 4],
      Array.from({ length: 48 }, (_, i) => values[i % 8]),
    );
    const { taps } = await runTaps(model, x, 'addTo');
    const expected = [0, 0, 1, 3, 255, 255, 0, 254];
    expect(Array.from(taps.bytes.data, Number)).toEqual(Array.from({ length: 48 }, (_, i) => expected[i % 8]));
  });

  it('takes half precision, throughout or in the weights alone', async () => {
    const w = noise([8, 3, 3, 3], 7);
    const half = fromNumbers('float16', w.shape, Array.from(w.data));
    const all = network([1, 3, 6, 6], (b, x) => b.conv(x, b.constant(half), undefined, {}, 'a'), 'float16');
    const weights = network([1, 3, 6, 6], (b, x) => b.conv(x, b.cast(b.constant(half), 'float32'), undefined, {}, 'a'));
    const x = noise([2, 3, 6, 6], 8);
    const exact = await run(
      network([2, 3, 6, 6], (b, y) => b.conv(y, b.constant(float32(w.shape, toFloat32(half))))),
      { x },
    );
    const found = await Promise.all(
      [all, weights].map((graph) => runTaps(modelFromGraph(graph, { name: 'm' }).model, x)),
    );
    expect(found.map(({ taps }) => taps.a.dtype)).toEqual(['float32', 'float32']);
    expect(relativeError(found[0].taps.a, exact.y)).toBeLessThan(2e-3); // 11 bits
    expect(relativeError(found[1].taps.a, exact.y)).toBeLessThan(1e-6);
  });

  it('normalises and resizes as set, and tells what is assumed', async () => {
    const graph = network([1, 3, 8, 6], (b, x) => b.mul(x, 1, 'seen'));
    const open = withInput(graph, ['n', 3, 'h', 'w']);
    const given = { size: '8x6', mean: '0.5,0.25,0', std: '0.5,1,2' };
    const { model, assumed } = modelFromGraph(open, { name: 'm', settings: given, taps: ['seen'] });
    expect(assumed).toEqual(['resize=bilinear', 'antialias=true']);
    const x = images([1, 3, 8, 6], 9);
    const { seen } = (await runTaps(model, x, 'addTo')).taps;
    const [mean, std] = [
      [0.5, 0.25, 0],
      [0.5, 1, 2],
    ];
    const expected = x.data.map((v, i) => (v - mean[Math.floor(i / 48)]) / std[Math.floor(i / 48)]);
    expect(relativeError(seen, float32(x.shape, expected))).toBeLessThan(1e-6);
    expect(modelFromGraph(open, { name: 'm' }).assumed[0]).toBe('size=224x224');
    expect(modelFromGraph(withInput(graph, ['n', 3, 8, '?']), { name: 'm' }).assumed[0]).toBe('size=8x224');
    expect(modelFromGraph(graph, { name: 'm' }).assumed[0]).toBe('mean=0.485,0.456,0.406');
  });

  it('takes NCHW where no dimension is fixed', () => {
    const graph = network([1, 3, 8, 8], (b, x) => conv(b, x, 8, 'a'));
    const { model } = modelFromGraph(withInput(graph, ['n', 'c', 'h', 'w']), { name: 'm', settings: { size: '16' } });
    expect(model.taps).toEqual([{ layer: 'a', channels: 8, height: 16, width: 16 }]);
  });
});

const scaled = (tensor: Tensor, factor: number) =>
  float32(
    tensor.shape,
    toFloat32(tensor).map((v) => factor * v),
  );

describe('tokens', () => {
  const [grid, width, hidden] = [[2, 3], 8, 12];
  const weights = {
    patch: scaled(noise([width, 3, 4, 4], 11), 0.2),
    first: noise([1, 2, width], 12),
    position: noise([1, 8, width], 13),
    up: scaled(noise([width, hidden], 14), 0.5),
    upBias: noise([hidden], 15),
    down: noise([hidden, width], 16),
  };

  /** Patches of a convolution, two tokens before them, an MLP with a spelt out GELU; the batch is dynamic. */
  const transformer = (flatten: (b: GraphBuilder, maps: Value) => Value): Graph => {
    const graph = network([2, 3, 8, 12], (b, x) => {
      const patches = b.conv(x, b.constant(weights.patch), undefined, { strides: [4, 4] }, 'patches');
      const first = b.op('Expand', [b.constant(weights.first), b.constant(int64([2, 1, 1]))])[0];
      const tokens = b.add(b.concat([first, flatten(b, patches)], 1), b.constant(weights.position), 'tokens');
      const up = b.add(b.matmul(tokens, b.constant(weights.up)), b.constant(weights.upBias), 'up');
      const gate = b.add(b.erf(b.div(up, Math.SQRT2)), 1);
      const act = b.mul(b.mul(up, gate), 0.5, 'act');
      return b.add(tokens, b.matmul(act, b.constant(weights.down)), 'block');
    });
    return graph;
  };
  const flattened = (b: GraphBuilder, maps: Value) => {
    const flat = b.op('Reshape', [maps, b.constant(int64([0, 0, -1]))])[0];
    return b.transpose(flat, [0, 2, 1], 'sequence');
  };

  /** The tokens, or the hidden layer after exact GELU, in float64: maps of image `n`. */
  function direct(x: Tensor, n: number, act: boolean): number[] {
    const data = toFloat32(x);
    const channels = act ? hidden : width;
    const maps = new Array<number>(channels * 6);
    for (let p = 0; p < 6; p++) {
      const [row, column] = [Math.floor(p / grid[1]), p % grid[1]];
      const token = Array.from({ length: width }, (_, c) => {
        let sum = weights.position.data[(p + 2) * width + c];
        for (let k = 0; k < 48; k++) {
          const [channel, i, j] = [Math.floor(k / 16), Math.floor(k / 4) % 4, k % 4];
          sum += weights.patch.data[c * 48 + k] * data[((n * 3 + channel) * 8 + row * 4 + i) * 12 + column * 4 + j];
        }
        return sum;
      });
      for (let c = 0; c < channels; c++) {
        let value = token[c];
        if (act) {
          const up = token.reduce((sum, v, k) => sum + v * weights.up.data[k * hidden + c], weights.upBias.data[c]);
          value = (up * (1 + erf(up / Math.SQRT2))) / 2;
        }
        maps[c * 6 + p] = value;
      }
    }
    return maps;
  }

  /** The error function by its series, exact to rounding for the arguments here. */
  function erf(x: number): number {
    let [sum, term] = [x, x];
    for (let k = 1; k < 200; k++) {
      term *= (-x * x) / k;
      sum += term / (2 * k + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }

  it('lays tokens back on the grid of the patches, and proposes the hidden layer of the MLP', async () => {
    const graph = transformer(flattened);
    const { model, assumed } = modelFromGraph(graph, { name: 'm', taps: ['tokens', 'act', 'block'] });
    expect(model.taps[1]).toEqual({ layer: 'act', channels: hidden, height: 2, width: 3 });
    expect(assumed.filter((text) => text.startsWith('grid'))).toEqual([]);
    expect(proposeTaps(graph)).toEqual(['act']);
    const x = noise([2, 3, 8, 12], 17);
    const { taps } = await runTaps(model, x);
    for (const [name, act] of [
      ['tokens', false],
      ['act', true],
    ] as const) {
      const expected = [0, 1].flatMap((n) => direct(x, n, act));
      expect(relativeError(taps[name], float32(taps[name].shape, expected))).toBeLessThan(1e-5);
    }
  });

  /** Through a list of all tokens of all images, which leaves no trace of rows and columns. */
  const listed = (b: GraphBuilder, maps: Value) => {
    const [n, channels, height, columns] = maps.shape;
    const all = b.reshape(b.transpose(maps, [0, 2, 3, 1]), [n * height * columns, channels]);
    return b.reshape(all, [n, height * columns, channels], 'sequence');
  };

  it('leaves out sequences whose grid cannot be told, until it is set', () => {
    const graph = transformer(listed);
    expect(() => modelFromGraph(graph, { name: 'm', taps: ['act'] })).toThrow(/no layer of m matches the taps act/);
    const { model, assumed } = modelFromGraph(graph, { name: 'm', taps: ['act'], settings: { grid: '2x3' } });
    expect(model.taps).toEqual([{ layer: 'act', channels: hidden, height: 2, width: 3 }]);
    expect(model.card.config).toEqual({ grid: '2x3' });
    expect(assumed.filter((text) => text.startsWith('grid'))).toEqual([]);
    const long = network([1, 3, 40, 24], (b, x) => listed(b, conv(b, x, 8, 'a', 2)));
    expect(modelFromGraph(long, { name: 'm' }).assumed.at(-1)).toBe(
      '(left out: 2 sequences whose length fits no grid)',
    );
  });

  it('takes a square where no operator tells the grid, and says so', () => {
    const graph = network([1, 3, 8, 8], (b, x) => listed(b, conv(b, x, 8, 'a', 2)));
    const { model, assumed } = modelFromGraph(graph, { name: 'm', taps: ['sequence'] });
    expect(model.taps).toEqual([{ layer: 'sequence', channels: 8, height: 4, width: 4 }]);
    expect(assumed).toContain('grid=4x4');
    const set = modelFromGraph(graph, { name: 'm', taps: ['sequence'], settings: { grid: '2x8' } });
    expect(set.model.taps).toEqual([{ layer: 'sequence', channels: 8, height: 2, width: 8 }]);
  });

  it('proposes the sums of residual branches where there is no MLP', () => {
    const graph = network([1, 3, 8, 8], (b, x) => {
      const maps = b.conv(x, b.constant(noise([8, 3, 2, 2], 18)), undefined, { strides: [2, 2] });
      const tokens = b.transpose(b.reshape(maps, [1, 8, 16]), [0, 2, 1]);
      const branch = b.matmul(tokens, b.constant(noise([8, 8], 19)));
      return b.add(tokens, branch, 'sum');
    });
    // The patches are maps with as much right.
    expect(proposeTaps(graph)).toContain('sum');
  });
});

describe('layers', () => {
  it('proposes the maps before each change of size', () => {
    const block = (b: GraphBuilder, x: Value, channels: number, name: string, stride: number) => {
      const branch = conv(b, b.relu(conv(b, x, channels, `${name}.1`)), channels, `${name}.2`, stride);
      const shortcut = b.conv(
        x,
        b.constant(noise([channels, x.shape[1], 1, 1], 20)),
        undefined,
        { strides: [stride, stride] },
        `${name}.s`,
      );
      return b.relu(b.add(branch, shortcut), name);
    };
    const graph = network([1, 3, 32, 32], (b, x) => {
      let y = b.relu(conv(b, x, 8, 'stem'), 'stem.relu');
      y = block(b, block(b, block(b, y, 8, 'a', 1), 16, 'b', 2), 32, 'c', 2);
      return b.flatten(b.globalAveragePool(y));
    });
    expect(proposeTaps(graph)).toEqual(['a', 'b', 'c']);
  });

  it('leaves out values whose shapes only running tells, and counts them', () => {
    const graph = network([1, 3, 8, 8], (b, x) => b.relu(conv(b, x, 8, 'a'), 'r'));
    const foreign: Graph = {
      ...graph,
      nodes: [
        ...graph.nodes,
        { op: 'Twist', domain: 'org.example', name: '', inputs: ['r'], outputs: ['t'], attributes: {} },
      ],
      outputs: [{ name: 't', dtype: 'float32' }],
      domains: { 'org.example': 1 },
    };
    const { model, assumed } = modelFromGraph(foreign, { name: 'm', taps: ['**'] });
    expect(model.taps.map(({ layer }) => layer)).toEqual(['a', 'r', 'y']);
    expect(assumed.at(-1)).toBe('(left out: 1 values whose shapes only running tells)');
  });

  it('finds names by globs and, with signs of globs in them, by themselves', () => {
    const names = ['/layer1/layer1.0/relu/Relu_output_0', 'a::b/c', 'x[0]{1,2}*', 'x[0]1', 'Q?'];
    const graph = network([1, 3, 4, 4], (b, x) => names.reduce((y, name) => b.relu(y, name), conv(b, x, 8, 'first')));
    const chosen = (...taps: string[]) =>
      modelFromGraph(graph, { name: 'm', taps }).model.taps.map(({ layer }) => layer);
    for (const name of names) expect(chosen(name)).toEqual([name]);
    expect(chosen('/layer1/*.*')).toEqual([names[0]]);
    expect(chosen('a::*', 'Q*')).toEqual([names[1], names[4]]);
    expect(chosen('x[0]{1,3}')).toEqual([names[3]]);
    expect(() => chosen('layer9')).toThrow(/no layer of m matches the taps layer9; its layers are first, /);
  });

  it('reads newer operator sets as far as they mean the same', async () => {
    const graph = network([1, 3, 8, 8], (b, x) => conv(b, x, 8, 'a'));
    const { model } = modelFromGraph({ ...graph, opset: 22 }, { name: 'm', taps: ['a'] });
    const x = noise([2, 3, 8, 8], 21);
    expect(relativeError((await runTaps(model, x)).taps.a, (await oneByOne(graph, x, ['a'])).a)).toBeLessThan(1e-6);
  });
});

describe('an untrained twin', () => {
  const graph = network([1, 3, 16, 16], (b, x) => {
    const scaled = b.div(b.sub(x, b.constant(noise([1, 3, 1, 1], 30), 'mean')), 0.5);
    let y = conv(b, scaled, 32, 'conv');
    const statistics = ['scale', 'shift', 'average', 'variance'].map((name, i) =>
      b.constant(images([32], 31 + i), name),
    );
    y = b.batchNormalization(y, statistics[0], statistics[1], statistics[2], statistics[3]);
    y = b.relu(b.mul(y, b.constant(noise([32, 1, 1], 36), 'gamma')));
    const flat = b.transpose(b.reshape(y, [1, 32, 256]), [0, 2, 1]);
    let tokens = b.add(flat, b.constant(noise([1, 256, 32], 37), 'position'), 'tokens');
    tokens = b.op(
      'LayerNormalization',
      [tokens, b.constant(noise([32], 38), 'ln.scale'), b.constant(noise([32], 39), 'ln.bias')],
      { epsilon: float(1e-5) },
    )[0];
    const turned = b.op('Transpose', [b.constant(noise([128, 32], 40), 'up')], { perm: ints([1, 0]) })[0];
    const up = b.add(b.matmul(tokens, turned), b.constant(noise([128], 41), 'up.bias'));
    const masked = b.add(
      b.relu(up, 'act'),
      b.constant(
        float32(
          [1, 1, 128],
          noise([128], 42).data.map((v) => (v > 0 ? 0 : -1)),
        ),
        'mask',
      ),
    );
    const pooled = b.reduceMean(masked, [1]);
    return b.gemm(pooled, b.constant(noise([100, 128], 43), 'head'), b.constant(noise([100], 44), 'head.bias'), {
      transB: 1,
    });
  });

  it('has weights by where they are used', () => {
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['act'] });
    const twin = model.twin(5);
    expect(twin.twinOf).toBe('m');
    const weights = graphOf(twin, [1, 3, 16, 16]).initializers;
    const values = (name: string) => toFloat32(weights.get(`m.untrained/${name}`)!);
    const std = (name: string) => {
      const v = values(name);
      const mean = v.reduce((a, b) => a + b) / v.length;
      expect(Math.abs(mean)).toBeLessThan(0.02 + 0.2 * Math.sqrt(v.reduce((a, b) => a + b * b) / v.length));
      return Math.sqrt(v.reduce((sum, x) => sum + (x - mean) ** 2, 0) / v.length);
    };
    // The standard deviation of n normal numbers is within 3 / sqrt(2 n) of theirs, 10 % for the fewest here.
    const expected = { conv: 27, up: 32, head: 128 };
    expect(Math.abs(std('conv.weight') / Math.sqrt(2 / expected.conv) - 1)).toBeLessThan(0.1);
    expect(Math.abs(std('up') / Math.sqrt(2 / expected.up) - 1)).toBeLessThan(0.05);
    expect(Math.abs(std('head') / Math.sqrt(2 / expected.head) - 1)).toBeLessThan(0.05);
    expect(Math.abs(std('position') / 0.02 - 1)).toBeLessThan(0.05);
    const constant = (name: string) => [...new Set(values(name))];
    for (const name of ['conv.bias', 'shift', 'average', 'ln.bias', 'up.bias', 'head.bias'])
      expect(constant(name)).toEqual([0]);
    for (const name of ['scale', 'variance', 'gamma', 'ln.scale']) expect(constant(name)).toEqual([1]);
    for (const name of ['mean', 'mask']) expect(values(name)).toEqual(toFloat32(graph.initializers.get(name)!));
  });

  it('is another for another seed, and says what it is', () => {
    const { model } = modelFromGraph(graph, { name: 'm', taps: ['act'] });
    const [one, two] = [1, 2].map((seed) => graphOf(model.twin(seed), [1, 3, 16, 16]).initializers);
    expect(one.get('m.untrained/up')).not.toEqual(two.get('m.untrained/up'));
    expect(model.twin(1).card).toMatchObject({
      name: 'm.untrained',
      architecture: 'onnx',
      supervision: 'none (fresh weights)',
    });
  });
});

describe('refuses with a reason', () => {
  const graph = network([1, 3, 8, 8], (b, x) => conv(b, x, 8, 'a'));
  const open =
    (g: Graph, settings = {}) =>
    () =>
      modelFromGraph(g, { name: 'm', settings });

  it('what takes no RGB image', () => {
    const grey = network([1, 1, 8, 8], (b, x) => conv(b, x, 8, 'a'));
    expect(open(grey)).toThrow(/m has no input for RGB images, .* its inputs are "x" float32 \[1, 1, 8, 8\]\. Export/);
    const words = network([1, 3, 8, 8], (b, x) => b.cast(x, 'float32'), 'int64');
    expect(open(words)).toThrow(/its inputs are "x" int64 \[1, 3, 8, 8\]/);
  });

  it('what takes more than an image, unless nothing reads it', () => {
    const b = new GraphBuilder();
    const [x, text] = [b.input('x', [1, 3, 8, 8]), b.input('text', [1, 8, 1, 1])];
    b.output(b.add(conv(b, x, 8, 'a'), text), 'y');
    expect(open(b.build())).toThrow(
      /m needs further inputs besides its image "x": "text" float32 \[1, 8, 1, 1\]\. Export/,
    );
    const idle: Graph = { ...graph, inputs: [{ name: 'text', dtype: 'int64', shape: [1, 77] }, ...graph.inputs] };
    expect(open(idle)().model.taps.length).toBe(1);
  });

  it('sizes that it was not made for', () => {
    expect(open(graph, { size: '16' })).toThrow(/m was made for images of 8 x 8 pixels, not 16 x 16; set size=8x8/);
    const half = withInput(graph, [1, 3, 8, 'w']);
    expect(open(half, { size: '16' })).toThrow(/made for images of 8 x any width pixels, not 16 x 16; set size=8x16/);
    const baked = withInput(
      network([1, 3, 8, 8], (b, x) => b.add(conv(b, x, 8, 'a'), b.constant(noise([1, 8, 8, 8], 50)))),
      [1, 3, 'h', 'w'],
    );
    expect(open(baked)).toThrow(
      /m does not fit images of 224 x 224 pixels \(Node .*\); set the size .* size=HEIGHTxWIDTH/,
    );
    expect(open(baked, { size: '8' })().model.taps.length).toBe(1);
  });

  it('settings that it does not have', () => {
    expect(open(graph, { stem: 'cifar' })).toThrow(/m has no setting "stem"; its settings are size, .*, grid/);
    expect(open(graph, { grid: 'wide' })).toThrow(/--config grid=wide does not fit m: a size such as 16 or 16x12/);
    const bytes = network([1, 3, 4, 4], (b, x) => b.cast(x, 'float32'), 'uint8');
    expect(open(bytes, { mean: '0.5,0.5,0.5' })).toThrow(/m takes bytes, which no mean or std is taken from/);
  });

  it('quantised networks', () => {
    const quantised = network([1, 3, 8, 8], (b, x) => {
      const [scale, zero] = [b.scalar(0.1), b.constant(fromNumbers('uint8', [], [128]))];
      return b.op('DequantizeLinear', [b.op('QuantizeLinear', [conv(b, x, 8, 'a'), scale, zero])[0], scale, zero])[0];
    });
    expect(open(quantised)).toThrow(/m is quantised \(node "QuantizeLinear#1" is a QuantizeLinear\)/);
  });

  it('networks without maps', () => {
    const flat = network([1, 3, 8, 8], (b, x) => b.reduceMean(x, [2, 3]));
    expect(open(flat)).toThrow(/m has no layer with maps .* set grid=HEIGHTxWIDTH/);
  });

  it('operator sets that cannot be joined with others', () => {
    expect(open({ ...graph, opset: 99 })).toThrow(/m uses operator set 99; export it with opset_version=20 or lower/);
    const swish = network([1, 3, 8, 8], (b, x) => b.op('Swish', [conv(b, x, 8, 'a')])[0]);
    expect(open({ ...swish, opset: 24 })).toThrow(/m uses the operator Swish of set 24/);
    expect(open({ ...graph, opset: 6 })).toThrow(/operator set 6/);
  });

  it('cards of another architecture', () => {
    const { model } = modelFromGraph(graph, { name: 'm' });
    const card = { ...model.card, architecture: 'resnet' };
    expect(() => modelFromGraph(graph, { name: 'm', card })).toThrow(/m is an ONNX file, not a checkpoint of "resnet"/);
    const odd = { ...model.card, config: { grid: 5 } };
    expect(() => modelFromGraph(graph, { name: 'm', card: odd })).toThrow(/"grid" in the card of m is not a size/);
    const large = { ...model.card, input: { ...model.card.input, height: 9 } };
    expect(() => modelFromGraph(graph, { name: 'm', card: large })).toThrow(
      /made for images of 8 x 8 pixels, not 9 x 8/,
    );
  });
});
