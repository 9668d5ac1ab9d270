// Mines two networks that are no checkpoints: each is a function that adds a small graph. The images are made here too.
//
//   node examples/own-graph.mjs

import { mine } from 'rosetta-neurons';
import { float32 } from 'rosetta-neurons/graph';
import { encoderModel } from 'rosetta-neurons/zoo';
import { nodeEngine } from 'rosetta-neurons/runtime/node';

/** A network of one convolution with four edge filters, in an order of its own. */
function edges(name, order, twinOf) {
  const filters = [
    [-1, 0, 1, -2, 0, 2, -1, 0, 1],
    [1, 0, -1, 2, 0, -2, 1, 0, -1],
    [-1, -2, -1, 0, 0, 0, 1, 2, 1],
    [1, 2, 1, 0, 0, 0, -1, -2, -1],
  ];
  const weights = order.flatMap((i) => [0, 1, 2].flatMap(() => filters[i]));
  return encoderModel({
    twinOf,
    card: {
      name,
      architecture: 'edges',
      config: {},
      task: 'none',
      supervision: 'none',
      data: 'none',
      licence: 'MIT',
      source: 'this example',
      input: { height: 16, width: 16, mean: [0, 0, 0], std: [1, 1, 1], resize: 'bilinear', antialias: true },
      taps: ['edges'],
    },
    addTo(b, x) {
      const maps = b.relu(b.conv(x, b.constant(float32([4, 3, 3, 3], weights)), undefined, { pads: [1, 1, 1, 1] }));
      return { taps: new Map([['edges', maps]]), output: b.globalAveragePool(maps) };
    },
    twin: () => edges(`${name}.untrained`, order, name),
  });
}

/** Images of random rectangles. */
const images = {
  source: 'rectangles',
  names: Array.from({ length: 64 }, (_, i) => `rectangle ${i}`),
  height: 16,
  width: 16,
  unreadable: [],
  async *batches(indices, size) {
    for (let start = 0; start < indices.length; start += size) {
      const chosen = indices.slice(start, start + size);
      const data = new Float32Array(chosen.length * 3 * 256);
      chosen.forEach((index, i) => {
        const [left, top, right, bottom] = [index % 7, (index >> 1) % 7, 8 + (index % 5), 8 + ((index >> 2) % 5)];
        for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) data[i * 768 + y * 16 + x] = 1;
      });
      yield { indices: chosen, data };
    }
  },
};

const models = [edges('a', [0, 1, 2, 3]), edges('b', [3, 1, 0, 2])];
const dictionary = await mine({ engine: nodeEngine(), models, images });
for (const { a, b, r } of dictionary.pairs[0].pairs) console.log(`${a} = ${b}, r = ${r.toFixed(3)}`);
