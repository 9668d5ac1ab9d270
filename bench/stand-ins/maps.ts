// Random maps in place of networks: an "image" is the maps of all layers, one after another.

import { float32, GraphBuilder, type Tensor } from 'rosetta-neurons/graph';
import type { ImageSource } from 'rosetta-neurons/images';
import type { CorrelateOptions, MapSource } from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import type { StandIn } from './layers.ts';

const sizeOf = ({ channels, height, width }: StandIn['taps'][number]) => channels * height * width;
const floats = (models: readonly StandIn[]) =>
  models.reduce((sum, { taps }) => sum + taps.reduce((s, tap) => s + sizeOf(tap), 0), 0);

/** Numbers of one sample: [3, 1, length / 3], so that they pass for an image. */
export const sampleLength = (models: readonly StandIn[]): number => 3 * Math.ceil(floats(models) / 3);

/** Lays the maps of each layer into a graph, cut out of the input. */
export function randomMaps(models: readonly StandIn[]): MapSource {
  return (b, _source, batch) => {
    const length = sampleLength(models);
    const flat = b.reshape(b.input('samples', [batch, 3, 1, length / 3]), [batch, length]);
    let offset = 0;
    const maps = new Map(
      models.map(({ taps }, m) => [
        m,
        new Map(
          taps.map((tap) => {
            const part = b.slice(flat, { axes: [1], starts: [offset], ends: [offset + sizeOf(tap)] });
            offset += sizeOf(tap);
            return [tap.layer, b.reshape(part, [batch, tap.channels, tap.height, tap.width])];
          }),
        ),
      ]),
    );
    return { images: flat, maps };
  };
}

/** Random numbers, a repeated stretch of a million: fast to make, and nothing here depends on more. */
export function randomArray(length: number): Float32Array {
  const stretch = Float32Array.from({ length: Math.min(length, 999_983) }, () => Math.random() - 0.3);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i += stretch.length)
    out.set(stretch.subarray(0, Math.min(stretch.length, length - i)), i);
  return out;
}

/** A source of `count` samples; the same buffer again and again, so that making numbers is not measured. */
export function randomSource(
  models: readonly StandIn[],
  count: number,
  batch: number,
): ImageSource & { readonly blocks: NonNullable<CorrelateOptions['batches']> } {
  const length = sampleLength(models);
  const data = randomArray(batch * length);
  return {
    source: 'random maps',
    names: Array.from({ length: count }, (_, i) => String(i)),
    height: 1,
    width: length / 3,
    unreadable: [],
    async *batches(indices, size) {
      for (let i = 0; i < indices.length; i += size) {
        const chosen = indices.slice(i, i + size);
        // Nothing is waited for, but those who take batches wait for them.
        yield await Promise.resolve({
          indices: chosen,
          data: chosen.length <= batch ? data : randomArray(chosen.length * length),
        });
      }
    },
    /** The same as batches that the null can use. */
    async *blocks(_source, indices, size) {
      for (let i = 0; i < indices.length; i += size) {
        const chosen = indices.slice(i, i + size);
        const n = chosen.length;
        const permutation = BigInt64Array.from({ length: n }, (_, j) => BigInt(j - (j % 4) + ((j + 1) % 4)));
        yield await Promise.resolve({
          count: n,
          indices: chosen,
          samples: float32([n, 3, 1, length / 3], data.subarray(0, n * length)),
          permutation: { dtype: 'int64', shape: [n], data: permutation } satisfies Tensor,
        });
      }
    },
  };
}

/** The rate of one large product in this process, FLOP/s: the best of several. */
export async function gemmRate(engine: Engine, side = 4096, runs = 4): Promise<number> {
  const b = new GraphBuilder();
  // Only a sum comes out: a large output would measure the memory, not the product.
  const product = b.matmul(b.input('a', [side, side]), b.input('b', [side, side]));
  b.output(b.reduceMax(product, [0, 1]), 'y');
  const session = await engine.open(b.build());
  const operand = float32([side, side], randomArray(side * side));
  let best = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const outputs = await session.run({ a: operand, b: operand });
    best = Math.min(best, performance.now() - start);
    outputs.dispose();
  }
  await session.release();
  return (2 * side ** 3) / (best / 1000);
}
