// The maps of a model's taps, collected over all samples, for work that goes on elsewhere.
// Mining does not use it: there maps never leave the engine.

import { UserError } from '../../errors.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf, type Float32Tensor, type Tensor, floats } from '../../graph/tensor.ts';
import { sampleShape, type ImageSource } from '../../images/source.ts';
import type { LongWork } from '../../progress.ts';
import type { Engine } from '../../runtime/engine.ts';
import { BatchSession } from '../../runtime/with-session.ts';
import type { BuiltModel, GeneratorOptions, Model } from '../../zoo/model.ts';
import { generatorInput } from '../../zoo/network.ts';
import { mapsOf, names } from './pass-graph.ts';
import { required } from '../../lookup.ts';

/** What a network itself takes: `x` `[n, 3, h, w]` of an encoder, `z` (and `c`), `w` or `ws` of a generator. */
export type OwnInput = Readonly<Partial<Record<'x' | 'z' | 'c' | 'w' | 'ws', Float32Tensor>>>;

export interface ActivationOptions extends LongWork {
  readonly engine: Engine;
  readonly model: Model;
  /** Images, resized and normalised by the model's graph; or the network's own input, taken as it is. */
  readonly input: OwnInput | { readonly source: ImageSource; readonly samples: readonly number[] };
  /** Truncation, cutoff and noise of a generator that is given its own input. */
  readonly generator?: Partial<GeneratorOptions>;
  /** Samples computed at once. */
  readonly batch: number;
  /** Bytes that the result may take. */
  readonly memory: number;
}

/** Name of the network's own output among the results. */
const outputName = 'output';
/** In the graph, names of results have a prefix, since a layer may be called anything. */
const prefix = 'result:';
const inputPrefix = 'input:';

/**
 * Runs a model over all samples: a tensor `[n, channels, height, width]` by layer, and `output`.
 * @throws UserError when the input does not fit the model, the result would not fit into `memory`, or no image can be read;
 *   the signal's reason when aborted.
 */
export async function collectActivations(options: ActivationOptions): Promise<Map<string, Float32Tensor>> {
  const { engine, input, onProgress, signal } = options;
  const batches =
    'source' in input ? imageFeeds(input, options.batch) : ownFeeds(checkedInput(options.model, input), options.batch);
  const total = 'source' in input ? input.samples.length : Object.values(input)[0].shape[0];
  const results = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const session = new BatchSession(engine, (feeds: Feeds) => activationGraph(options, feeds));
  let done = 0;
  try {
    for await (const feeds of batches) {
      const n = Object.values(feeds)[0].shape[0];
      const outputs = await session.run(feeds);
      if (!results.size) allocateResults(results, outputs.tensors, total, options.memory);
      for (const [name, { data }] of Object.entries(outputs.tensors)) {
        required(results, name, 'result').data.set(floats(data), (done * data.length) / n);
      }
      outputs.dispose();
      done += n;
      await onProgress?.({ stage: 'activations', done, total, unit: 'images' });
      signal?.throwIfAborted();
    }
  } finally {
    await session.release();
  }
  if (!done) {
    const [first] = 'source' in input ? input.source.unreadable : [];
    throw new UserError(`none of the images can be read${first ? `; ${first.name}: ${first.reason}` : ''}`);
  }
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

function activationGraph({ model, input, generator }: ActivationOptions, feeds: Feeds) {
  const b = new GraphBuilder({ name: 'activations' });
  const value = (name: string) => b.input(`${inputPrefix}${name}`, feeds[`${inputPrefix}${name}`].shape);
  const { taps, output } =
    'source' in input ? onImages(b, model, input.source, feeds) : onOwnInput(model, b, input, value, generator);
  for (const [layer, map] of [...taps, [outputName, output] as const]) b.output(b.identity(map), `${prefix}${layer}`);
  return b.build();
}

function onImages(b: GraphBuilder, model: Model, source: ImageSource, feeds: Feeds): BuiltModel {
  if (model.kind === 'encoder' && !source.generated) {
    return model.addTo(b, b.input(names.samples, feeds[names.samples].shape));
  }
  const added = mapsOf([model])(b, source, feeds[names.samples].shape[0], [0]);
  return { taps: required(added.maps, 0, 'model'), output: added.images };
}

function onOwnInput(
  model: Model,
  b: GraphBuilder,
  input: OwnInput,
  value: (name: string) => Value,
  options?: Partial<GeneratorOptions>,
): BuiltModel {
  if (model.kind === 'encoder') return model.addRawTo(b, value('x'));
  const latents = Object.fromEntries(Object.keys(input).map((name) => [name, value(name)]));
  return model.addTo(b, generatorInput(latents), options);
}

/** @throws UserError when these are not the inputs of the model. */
function checkedInput(model: Model, input: OwnInput): OwnInput {
  const given = Object.entries(input).map(([name, { shape }]) => `"${name}" [${shape.join(', ')}]`);
  const wrong = (expected: string): never => {
    throw new UserError(
      `the input of ${model.name} is ${expected}; the file has ${given.join(', ') || 'none of these'}`,
    );
  };
  const fits = (name: keyof OwnInput, shape: readonly number[]): boolean => {
    const actual = input[name]?.shape;
    return (
      actual?.length === shape.length + 1 &&
      actual[0] > 0 &&
      shape.every((d, i) => (d === 0 ? actual[i + 1] > 0 : d === actual[i + 1]))
    );
  };
  const keys = Object.keys(input).sort().join();
  if (model.kind === 'encoder') {
    return keys === 'x' && fits('x', [3, 0, 0]) ? input : wrong('"x" [n, 3, height, width]');
  }
  const { z, classes, w, layers } = model.card.latent;
  const own = classes ? `"z" [n, ${z}] and "c" [n, ${classes}] (one-hot)` : `"z" [n, ${z}]`;
  const expected = `${own}, or "w" [n, ${w}], or "ws" [n, ${layers}, ${w}]`;
  const ok =
    (keys === (classes ? 'c,z' : 'z') &&
      fits('z', [z]) &&
      (!classes || (fits('c', [classes]) && input.c?.shape[0] === input.z?.shape[0]))) ||
    (keys === 'w' && fits('w', [w])) ||
    (keys === 'ws' && fits('ws', [layers, w]));
  return ok ? input : wrong(expected);
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

type Feeds = Record<string, Float32Tensor>;

async function* imageFeeds(
  { source, samples }: { source: ImageSource; samples: readonly number[] },
  size: number,
): AsyncGenerator<Feeds> {
  for await (const { indices, data } of source.batches(samples, size)) {
    const shape = [indices.length, ...sampleShape(source)];
    yield { [names.samples]: { dtype: 'float32', shape, data: data.subarray(0, sizeOf(shape)) } };
  }
}

function* ownFeeds(input: OwnInput, size: number): Generator<Feeds> {
  const tensors = Object.entries(input);
  const total = tensors[0][1].shape[0];
  for (let start = 0; start < total; start += size) {
    const end = Math.min(total, start + size);
    yield Object.fromEntries(
      tensors.map(([name, { shape, data }]): [string, Float32Tensor] => {
        const length = sizeOf(shape.slice(1));
        const rows: Float32Tensor = {
          dtype: 'float32',
          shape: [end - start, ...shape.slice(1)],
          data: data.subarray(start * length, end * length),
        };
        return [`${inputPrefix}${name}`, rows];
      }),
    );
  }
}
