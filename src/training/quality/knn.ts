// Weighted nearest neighbours on frozen features: how well a network sorts photos that nobody has taught it to sort.
// It trains nothing.

import { UserError } from '../../errors.ts';
import { int } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32, int64, type Float32Tensor, floats } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import { withSession } from '../../runtime/with-session.ts';
import { expectFitting, type LabelledFeatures } from './features.ts';

export interface KnnOptions {
  readonly engine: Engine;
  /** Photos whose classes are known. */
  readonly train: LabelledFeatures;
  /** Features of photos to be sorted, `[n, d]`. */
  readonly test: Float32Tensor;
  readonly classes: number;
  /** Neighbours that vote; default 20, or all where there are fewer. */
  readonly k?: number;
  /** A neighbour's vote is exp(cosine / temperature); default 0.07. */
  readonly temperature?: number;
}

/** Rows that are compared at once: similarities to 50,000 others take 50 MB. */
const rows = 250;

/**
 * The class of each row of `test` by the votes of its nearest neighbours by cosine.
 * Source: Caron et al., "Emerging properties in self-supervised vision transformers", 2021, `eval_knn.py`; after Wu et al.,
 * "Unsupervised feature learning via non-parametric instance discrimination", 2018.
 * @throws UserError when features and labels do not fit each other, or there are no neighbours.
 */
export async function nearestNeighbours(options: KnnOptions): Promise<Int32Array> {
  const { engine, train, test, classes, temperature = 0.07 } = options;
  expectFitting(train, test);
  const [n, d] = train.features.shape;
  const k = Math.min(options.k ?? 20, n);
  if (!(Number.isInteger(k) && k >= 1)) throw new UserError(`k must be a whole number of at least 1, not ${k}`);
  const known = normalised(train.features);
  const asked = normalised(test);
  const total = test.shape[0];
  const predicted = new Int32Array(total);
  // Rows beyond the last are zeros, so that one session serves all.
  const block = float32([Math.min(rows, total), d], new Float32Array(Math.min(rows, total) * d));
  await withSession(engine, neighbourGraph(block.shape[0], n, d, k), async (session) => {
    for (let start = 0; start < total; start += block.shape[0]) {
      const count = Math.min(block.shape[0], total - start);
      block.data.set(asked.data.subarray(start * d, (start + count) * d));
      const outputs = await session.run({ known, asked: block });
      const similarity = floats(outputs.tensors.similarity.data);
      const index = outputs.tensors.index.data;
      for (let row = 0; row < count; row++) {
        const votes = new Float64Array(classes);
        for (let j = row * k; j < (row + 1) * k; j++) {
          votes[train.labels[Number(index[j])]] += Math.exp(similarity[j] / temperature);
        }
        predicted[start + row] = votes.indexOf(Math.max(...votes));
      }
      outputs.dispose();
    }
  });
  return predicted;
}

function neighbourGraph(count: number, n: number, d: number, k: number): Graph {
  const b = new GraphBuilder({ name: 'neighbours' });
  const cosines = b.gemm(b.input('asked', [count, d]), b.input('known', [n, d]), undefined, { transB: true });
  const [similarity, index] = b.op('TopK', [cosines, b.constant(int64([k]))], { axis: int(1) }, { outputs: 2 });
  b.output(similarity, 'similarity');
  b.output(index, 'index');
  return b.build();
}

/** Rows of length 1; those of zeros stay. */
export function normalised({ shape, data }: Float32Tensor): Float32Tensor {
  const [n, d] = shape;
  const out = new Float32Array(data.length);
  for (let row = 0; row < n; row++) {
    let square = 0;
    for (let i = row * d; i < (row + 1) * d; i++) square += data[i] * data[i];
    const length = Math.sqrt(square) || 1;
    for (let i = row * d; i < (row + 1) * d; i++) out[i] = data[i] / length;
  }
  return float32(shape, out);
}
