// The graph of one step of a search: latents in; images, terms, their weighted sum and its gradient out.
// It moves nothing; adam.ts and optimise.ts do.

import { gradients } from '../../autodiff/reverse.ts';
import { simplify } from '../../autodiff/simplify.ts';
import { UserError } from '../../errors.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import { bytesPerElement, sizeOf, type Tensor } from '../../graph/tensor.ts';
import type { Generator, GeneratorOptions } from '../../zoo/model.ts';
import { latentInputs, type LatentName } from './latents.ts';
import type { Term } from '../terms/terms.ts';
import { present } from '../../lookup.ts';

export interface StepGraphOptions {
  readonly generator: Generator;
  readonly generatorOptions?: Partial<GeneratorOptions>;
  readonly latents: readonly (readonly [LatentName, readonly number[]])[];
  readonly terms: readonly Term[];
  /** Latents that gradients are asked of; none: the graph only evaluates. */
  readonly free: readonly LatentName[];
  /** See GradientOptions: more segments, less memory, more time. Default: as `memory` asks for. */
  readonly segments?: number;
  /** Bytes that the maps kept for the gradient should not exceed by much; default 1.5 GiB. */
  readonly memory?: number;
}

/** About so large a part of all that a forward pass makes is kept for the gradient when nothing is computed twice. */
const keptShare = 0.4;

const segmentsFor = (b: GraphBuilder, memory: number): number =>
  Math.min(32, Math.max(1, Math.ceil((keptShare * bytesMade(b)) / memory)));

/** Bytes of all that the nodes so far make: a measure of size, not what is held at a time. */
export function bytesMade(b: GraphBuilder): number {
  const made = b.made.flatMap((node) => node.outputs.filter(Boolean)).map((name) => b.value(name));
  return made.reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype), 0);
}

export interface StepGraph {
  readonly graph: Graph;
  /** Tensors to feed in every step, beside the latents. */
  readonly given: Readonly<Record<string, Tensor>>;
  /** Names of the details that terms report, as `term/detail`. */
  readonly details: readonly string[];
}

/** Names of the outputs. */
export const stepOutputs = {
  images: 'images',
  /** `[n]`. */
  loss: 'loss',
  term: (name: string) => `term ${name}`,
  detail: (name: string) => `detail ${name}`,
  gradient: (name: LatentName) => `gradient ${name}`,
};

/**
 * Rows do not see each other: the gradient is that of the sum of their losses.
 * @throws UserError when no term has a weight, or a layer on the way has no gradient.
 */
export function stepGraph(options: StepGraphOptions): StepGraph {
  const { generator, terms, free } = options;
  const b = new GraphBuilder({ name: 'step' });
  const { values, input } = latentInputs(b, options.latents);
  const built = generator.addTo(b, input, options.generatorOptions);
  if (built.noise.length) throw new UserError('random noise cannot be optimised with; choose const or none');
  const [n] = options.latents[0][1];
  const given: Record<string, Tensor> = {};
  const details: string[] = [];
  const inputs = new Map<string, Value>();
  const scene = {
    b,
    n,
    generator,
    built,
    images: b.add(b.mul(built.output, 0.5), 0.5),
    latents: values,
    given(name: string, tensor: Tensor) {
      const key = `given ${name}`;
      const value = inputs.get(key) ?? b.input(key, tensor.shape, tensor.dtype);
      inputs.set(key, value);
      given[key] = tensor;
      return value;
    },
  };
  let loss: Value | undefined;
  for (const term of terms) {
    if (!term.weight) continue;
    const added = term.addTo(scene);
    b.output(b.identity(added.loss), stepOutputs.term(term.name));
    for (const [detail, value] of Object.entries(added.details ?? {})) {
      details.push(`${term.name}/${detail}`);
      b.output(b.identity(value), stepOutputs.detail(`${term.name}/${detail}`));
    }
    const weighted = b.mul(added.loss, term.weight);
    loss = loss ? b.add(loss, weighted) : weighted;
  }
  if (!loss) throw new UserError('the objective has no term: give at least one a weight other than 0');
  b.output(b.identity(loss), stepOutputs.loss);
  b.output(b.identity(built.images), stepOutputs.images);
  if (free.length) {
    const total = b.reduceSum(loss, [0]);
    const segments = options.segments ?? segmentsFor(b, options.memory ?? 1.5 * 2 ** 30);
    const wrt = free.map((name) => present(values[name], 'latent'));
    const found = gradients(b, total, wrt, { segments });
    free.forEach((name, i) => b.output(b.identity(found[i]), stepOutputs.gradient(name)));
  }
  return { graph: simplify(b.build()), given, details };
}
