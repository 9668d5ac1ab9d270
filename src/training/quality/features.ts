// Features of images by an encoder, for measures that compare whole sets: the network's output, or the mean of a layer.
// It judges nothing, and keeps no maps: means over positions are taken inside the graph.

import { UserError } from '../../errors.ts';
import { required } from '../../lookup.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32, sizeOf, type Float32Tensor, floats } from '../../graph/tensor.ts';
import { addSamples, sampleShape, samplesOf, type ImageSource } from '../../images/source.ts';
import type { LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { BatchSession } from '../../runtime/with-session.ts';
import type { BuiltModel, Encoder } from '../../zoo/model.ts';
import type { PhotoSet } from '../loop/photos.ts';

/** What is taken of an encoder: its output, one row an image, or the mean over all positions of one of its taps. */
export type Readout = 'output' | { readonly pooled: string };

export interface FeatureOptions<Name extends string> extends LongWork {
  readonly engine: Engine;
  readonly model: Encoder;
  /** Photos, or samples of a generator: those are rounded to 256 levels, as in a file. */
  readonly images: ImageSource;
  /** By the names that the results shall have. */
  readonly readouts: Readonly<Record<Name, Readout>>;
  /** Images computed at once; default 100. */
  readonly batch?: number;
}

/**
 * Features `[n, d]` of all images, in order, by readout.
 * @throws UserError when a layer is none of the model's taps, or an image cannot be read; the signal's reason when aborted.
 */
export async function features<Name extends string>(
  options: FeatureOptions<Name>,
): Promise<Record<Name, Float32Tensor>> {
  const { engine, images, batch = 100, onProgress, signal } = options;
  const samples = samplesOf(images);
  const results = new Map<string, Float32Tensor>();
  const session = new BatchSession(engine, ({ images: { shape } }) => featureGraph(options, shape[0]));
  let done = 0;
  try {
    for await (const { indices, data } of images.batches(samples, batch)) {
      const n = indices.length;
      const shape = [n, ...sampleShape(images)];
      const outputs = await session.run({ images: float32(shape, data.subarray(0, sizeOf(shape))) });
      for (const [name, rows] of Object.entries(outputs.tensors)) {
        const d = rows.shape[1];
        if (!results.has(name)) {
          results.set(name, float32([samples.length, d], new Float32Array(samples.length * d)));
        }
        required(results, name, 'layer').data.set(floats(rows.data), done * d);
      }
      outputs.dispose();
      done += n;
      await onProgress?.({ stage: 'features', unit: 'images', done, total: samples.length });
      signal?.throwIfAborted();
    }
  } finally {
    await session.release();
  }
  // Rows must stay those of the labels.
  if (done < samples.length) {
    throw new UserError(`${samples.length - done} images of ${images.source} cannot be read; leave them out`);
  }
  const named = Object.keys(options.readouts).map((name) => [name, results.get(resultName(name))]);
  return Object.fromEntries(named) as Record<Name, Float32Tensor>;
}

/** Readouts may be called like a value of the network. */
const resultName = (name: string): string => `result:${name}`;

function featureGraph<Name extends string>({ model, images, readouts }: FeatureOptions<Name>, n: number): Graph {
  const b = new GraphBuilder({ name: 'features' });
  const samples = addSamples(b, images, b.input('images', [n, ...sampleShape(images)])).images;
  const built = model.addTo(b, images.generated ? rounded(b, samples) : samples);
  for (const [name, readout] of Object.entries<Readout>(readouts)) {
    const rows = b.reshape(readout === 'output' ? built.output : pooled(b, model, built, readout.pooled), [n, -1]);
    b.output(rows, resultName(name));
  }
  return b.build();
}

/** RGB in [0, 1], to whole steps of 1/255. */
const rounded = (b: GraphBuilder, images: Value): Value => b.div(b.op('Round', [b.mul(images, 255)])[0], 255);

function pooled(b: GraphBuilder, model: Encoder, { taps }: BuiltModel, layer: string): Value {
  const map = taps.get(layer);
  if (map) return b.globalAveragePool(map);
  const list = [...taps.keys()].slice(-12).join(', ');
  throw new UserError(`${model.name} has no tap "${layer}"; the last ones are ${list}. Open it with the taps **`);
}

/** Photos in memory as a source of images. */
export function photoSource(photos: PhotoSet, source = 'photos'): ImageSource {
  const { pixels, names, height, width } = photos;
  const length = 3 * height * width;
  return {
    source,
    names,
    height,
    width,
    unreadable: [],
    async *batches(indices, size) {
      for (let start = 0; start < indices.length; start += size) {
        const chosen = indices.slice(start, start + size);
        const data = new Float32Array(chosen.length * length);
        chosen.forEach((index, row) => {
          for (let i = 0; i < length; i++) data[row * length + i] = pixels[index * length + i] / 255;
        });
        // Nothing is waited for, but those who take batches wait for them.
        yield await Promise.resolve({ indices: chosen, data });
      }
    },
  };
}

/** The photos themselves as features, `[n, 3 height width]`, -1 to 1: what any network has to be better than. */
export function pixelFeatures({ pixels, n, height, width }: PhotoSet): Float32Tensor {
  const length = 3 * height * width;
  const data = new Float32Array(n * length);
  for (let i = 0; i < data.length; i++) data[i] = pixels[i] / 127.5 - 1;
  return float32([n, length], data);
}

/** Features with the class of each row, as an index from 0. */
export interface LabelledFeatures {
  /** `[n, d]` */
  readonly features: Float32Tensor;
  /** `[n]` */
  readonly labels: ArrayLike<number>;
}

/** @throws UserError when rows and labels, or the widths of two sets of features, do not fit each other. */
export function expectFitting({ features, labels }: LabelledFeatures, others: Float32Tensor): void {
  const [n, d] = features.shape;
  if (labels.length !== n) throw new UserError(`${n} rows of features have ${labels.length} labels; give one for each`);
  if (others.shape[1] !== d) {
    throw new UserError(
      `features of ${d} and of ${others.shape[1]} numbers cannot be compared; take both from one layer`,
    );
  }
}
