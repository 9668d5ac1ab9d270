// The maps of a model's taps, collected over all images, for work that goes on elsewhere.
// Mining does not use it: there maps never leave the engine.

import { UserError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { sizeOf, type Float32Tensor, type Tensor } from '../graph/tensor.ts';
import type { ImageSource } from '../images/source.ts';
import type { Engine, Session } from '../runtime/engine.ts';
import type { Model } from '../zoo/model.ts';

export interface ActivationOptions {
  readonly engine: Engine;
  readonly model: Model;
  /** Images, resized and normalised by the model's graph; or the network's own input `[n, 3, h, w]`, taken as it is. */
  readonly input: Float32Tensor | { readonly source: ImageSource; readonly samples: readonly number[] };
  /** Images computed at once. */
  readonly batch: number;
  /** Bytes that the result may take. */
  readonly memory: number;
}

/** Name of the network's own output among the results. */
const outputName = 'output';
/** In the graph, names of results have a prefix, since a layer may be called anything. */
const prefix = 'result:';
const inputName = 'input:x';

/**
 * Runs a model over all images. Yields progress, returns a tensor `[n, channels, height, width]` by layer, and `output`.
 * @throws UserError when the result would not fit into `memory`, or no image can be read.
 */
export async function* collectActivations(
  options: ActivationOptions,
): AsyncGenerator<{ done: number; total: number }, Map<string, Float32Tensor>> {
  const { engine, input } = options;
  const total = 'source' in input ? input.samples.length : input.shape[0];
  const results = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  let open: { n: number; session: Session } | undefined;
  let done = 0;
  try {
    for await (const x of batches(input, options.batch)) {
      const n = x.shape[0];
      if (open?.n !== n) {
        await open?.session.release();
        open = { n, session: await engine.open(activationGraph(options.model, x.shape, 'source' in input)) };
      }
      const outputs = await open.session.run({ [inputName]: x });
      if (!results.size) allocateResults(results, outputs.tensors, total, options.memory);
      for (const [name, { data }] of Object.entries(outputs.tensors)) {
        results.get(name)!.data.set(data as Float32Array, (done * data.length) / n);
      }
      outputs.dispose();
      done += n;
      yield { done, total };
    }
  } finally {
    await open?.session.release();
  }
  if (!done) throw new UserError('none of the images can be read');
  return new Map(
    [...results].map(([key, { shape, data }]) => {
      const name = key.slice(prefix.length);
      const tensor: Float32Tensor = {
        dtype: 'float32',
        shape: [done, ...shape],
        data: data.subarray(0, done * sizeOf(shape)),
      };
      return [name, tensor];
    }),
  );
}

function activationGraph(model: Model, shape: readonly number[], images: boolean) {
  const b = new GraphBuilder({ name: 'activations' });
  const x = b.input(inputName, shape);
  const { taps, output } = images ? model.build(b, x) : model.buildRaw(b, x);
  for (const [layer, value] of [...taps, [outputName, output] as const]) {
    b.output(b.identity(value), `${prefix}${layer}`);
  }
  return b.build();
}

function allocateResults(
  results: Map<string, { shape: readonly number[]; data: Float32Array }>,
  tensors: Readonly<Record<string, Tensor>>,
  total: number,
  memory: number,
): void {
  const shapes = Object.entries(tensors).map(([name, { shape }]) => ({ name, shape: shape.slice(1) }));
  const bytes = 4 * total * shapes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (bytes > memory) {
    const size = (value: number) => `${Math.ceil(value / 2 ** 20)} MiB`;
    throw new UserError(
      `the activations of ${total} images take ${size(bytes)}, over the memory budget of ${size(memory)}; take fewer with --samples or --taps, or raise --memory`,
    );
  }
  for (const { name, shape } of shapes) results.set(name, { shape, data: new Float32Array(total * sizeOf(shape)) });
}

async function* batches(input: ActivationOptions['input'], size: number): AsyncGenerator<Float32Tensor> {
  if ('source' in input) {
    const { source, samples } = input;
    const image = [3, source.height, source.width];
    for await (const { indices, data } of source.batches(samples, size)) {
      const shape = [indices.length, ...image];
      yield { dtype: 'float32', shape, data: data.subarray(0, sizeOf(shape)) };
    }
    return;
  }
  const image = input.shape.slice(1);
  for (let start = 0; start < input.shape[0]; start += size) {
    const end = Math.min(input.shape[0], start + size);
    const data = input.data.subarray(start * sizeOf(image), end * sizeOf(image));
    yield { dtype: 'float32', shape: [end - start, ...image], data };
  }
}
