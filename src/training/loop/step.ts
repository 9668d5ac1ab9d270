// One training step as one graph: forward, loss, gradient, optimiser. State goes in, state comes out.
// It runs nothing (run-step.ts does), and draws neither batches nor learning rates.

import { gradients } from '../../autodiff/reverse.ts';
import { simplify } from '../../autodiff/simplify.ts';
import { UserError } from '../../errors.ts';
import { required } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32, sizeOf, type DType, type Tensor } from '../../graph/tensor.ts';
import { joined, parted } from './flat.ts';
import type { Optimiser } from './optimiser.ts';
import { Parameters, stateInput, stateOutput } from './parameters.ts';
import type { Schedule } from './schedule.ts';
import { TrainingBuilder } from './training-builder.ts';

export interface BatchInput {
  readonly shape: readonly number[];
  /** Default float32. */
  readonly dtype?: DType;
}

/** What a recipe adds to a step. */
export interface Added {
  /** One number, shape []; the mean over the batch, usually. */
  readonly loss: Value;
  /** Numbers to be reported, shape [] each. */
  readonly metrics?: Readonly<Record<string, Value>>;
  /** New values of buffers by their names, beside those of batch normalisations, which the builder knows. */
  readonly updates?: Readonly<Record<string, Value>>;
}

export interface StepOptions {
  readonly name: string;
  /** What the step may read, weights and buffers by name, float32; where training begins. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Names of those that move. */
  readonly trainable: readonly string[];
  /** What is fed to every step; the inputs have these names. Shape [] for numbers that change, such as a temperature. */
  readonly batch: Readonly<Record<string, BatchInput>>;
  /** Lays forward pass and loss. The averages can be read too, as `ema NAME`. */
  addTo(b: GraphBuilder, parameters: Parameters, batch: Readonly<Record<string, Value>>): Added;
  readonly optimiser: Optimiser;
  /** Which weights decay; default: those of two or more axes, so neither biases nor normalisations. */
  readonly decays?: (name: string, shape: readonly number[]) => boolean;
  /** Longer gradients (all together, Euclidean norm) are shortened to this; default none are. */
  readonly clip?: number;
  /**
   * Keeps an exponential moving average `ema NAME` of everything that moves. The decay may change with the number of
   * updates before, see averageWarmUp.
   */
  readonly ema?: { readonly decay: number | Schedule };
  /** Memory against time, see GradientOptions. */
  readonly segments?: number;
  /** A fresh builder, for a momentum of batch normalisation other than 0.1 or a part that is not normalised by its batch. */
  readonly builder?: TrainingBuilder;
  /**
   * What counts its updates, for Adam's corrections; default its name. Steps that move the same weights in turn share
   * their moments, and must have the same one.
   */
  readonly counter?: string;
}

export interface TrainingStep {
  readonly name: string;
  readonly graph: Graph;
  readonly batch: Readonly<Record<string, BatchInput>>;
  /** Names of the metrics; `gradient`, the norm before it is clipped, is always one. */
  readonly metrics: readonly string[];
  /** Names of state tensors that it reads, and of those that it replaces. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** What its optimiser remembers, by name: the weights that each is of. */
  readonly moments: ReadonlyMap<string, readonly string[]>;
  /** Name of the state tensor that counts its updates. */
  readonly count: string;
  /** What the state has beside weights and buffers, as it is at the beginning: moments (0), averages, the count. */
  readonly beginning: ReadonlyMap<string, Tensor>;
  /** Numbers to feed. @param count updates before this one. */
  scalars(rate: number, count: number): Record<string, Tensor>;
}

/** Names of other inputs and outputs of the graph. */
export const stepNames = {
  scalar: (name: string) => `scalar ${name}`,
  loss: 'loss',
  metric: (name: string) => `metric ${name}`,
};

export const emaName = (name: string): string => `ema ${name}`;

/** The tensors of these names from a training's state: their averages, where these are kept. */
export function averaged(state: ReadonlyMap<string, Tensor>, names: Iterable<string>): Map<string, Tensor> {
  return new Map([...names].map((name) => [name, state.get(emaName(name)) ?? required(state, name, 'tensor')]));
}
/** Weights that move alike share a moment, one row for all. */
const momentName = (moment: string, counter: string, group: number): string => `${moment} ${counter} ${group}`;
const averageRate = 'average';

const zeros = (shape: readonly number[]): Tensor => float32(shape, new Float32Array(sizeOf(shape)));

/**
 * Builds a step.
 * @throws UserError when a trained tensor is missing or not read, the loss is not one number, an update fits no buffer,
 *   or a layer on the way has no gradient.
 */
export function trainingStep(options: StepOptions): TrainingStep {
  const { name, state, trainable, batch, optimiser, ema, clip, counter = name } = options;
  const decays = options.decays ?? ((_name, shape) => shape.length > 1);
  const b = options.builder ?? new TrainingBuilder({ name });
  // Tensors are never written to, so an average may begin as the very tensor that it averages.
  const tensors = new Map(state);
  if (ema) for (const [key, tensor] of state) tensors.set(emaName(key), tensor);
  const parameters = new Parameters(b, tensors);

  const inputs = Object.entries(batch).map(([key, { shape, dtype }]) => [key, b.input(key, shape, dtype)] as const);
  const added = options.addTo(b, parameters, Object.fromEntries(inputs));
  expectNumber(added.loss, `the loss of "${name}"`);
  const weights = trainedWeights(name, trainable, parameters);
  const found = gradients(b, added.loss, weights, { segments: options.segments });

  const groups = groupsOf(trainable, weights, decays, optimiser.apart);
  const rows = groups.map(({ members }) =>
    joined(
      b,
      members.map((i) => found[i]),
    ),
  );
  const norm = b.sqrt(
    b.op(
      'Sum',
      rows.map((row) => sumOfSquares(b, row)),
    )[0],
  );
  const metrics: Record<string, Value> = { ...added.metrics, gradient: norm };
  const factor = clip === undefined ? undefined : b.min(b.div(clip, b.add(norm, 1e-6)), 1);

  const scalarInputs = new Map<string, Value>();
  const scalar = (key: string): Value => {
    if (!scalarInputs.has(key)) scalarInputs.set(key, b.input(stepNames.scalar(key), []));
    return required(scalarInputs, key, 'input');
  };
  const fed = Object.fromEntries(Object.keys(optimiser.scalars(1, 1)).map((key) => [key, scalar(key)]));
  const next = buffersOf(b, parameters, added);
  const moving = [...next, ...weights.map((weight, i): [string, Value] => [trainable[i], weight])];
  const moments = groups.map((_, g) => optimiser.moments.map((moment) => momentName(moment, counter, g)));
  groups.forEach(({ members, decays: shrinks }, g) => {
    const gradient = factor ? b.mul(rows[g], factor) : rows[g];
    const own: Record<string, Value> = {};
    optimiser.moments.forEach((moment, m) => {
      tensors.set(moments[g][m], zeros(gradient.shape));
      own[moment] = parameters.get(moments[g][m]);
    });
    const names = members.map((i) => trainable[i]);
    const values = members.map((i) => weights[i]);
    const weight = joined(b, values);
    const moved = optimiser.move(b, { names, weight, gradient, moments: own, scalars: fed, decays: shrinks });
    const shapes = values.map(({ shape }) => shape);
    parted(b, moved.weight, shapes).forEach((value, i) => next.set(names[i], value));
    for (const [moment, value] of Object.entries(moved.moments)) next.set(momentName(moment, counter, g), value);
  });
  if (ema) {
    for (const [key] of moving) {
      const average = parameters.get(emaName(key));
      next.set(emaName(key), b.add(average, b.mul(b.sub(required(next, key, 'tensor'), average), scalar(averageRate))));
    }
  }

  b.output(added.loss, stepNames.loss);
  for (const [key, value] of Object.entries(metrics))
    b.output(expectNumber(value, `the metric "${key}" of "${name}"`), stepNames.metric(key));
  for (const [key, value] of next) b.output(value, stateOutput(key));

  const count = `count ${counter}`;
  const beginning = new Map<string, Tensor>([[count, zeros([])]]);
  for (const key of parameters.read) if (!state.has(key)) beginning.set(key, required(tensors, key, 'tensor'));
  return {
    name,
    graph: simplify(b.build()),
    batch,
    metrics: Object.keys(metrics),
    reads: parameters.read,
    writes: [...next.keys()],
    moments: new Map(
      groups.flatMap(({ members }, g) =>
        moments[g].map((moment) => [moment, members.map((i) => trainable[i])] as const),
      ),
    ),
    count,
    beginning,
    scalars(rate, updates) {
      const numbers: Record<string, number> = { ...optimiser.scalars(rate, updates + 1) };
      if (ema) numbers[averageRate] = 1 - (typeof ema.decay === 'number' ? ema.decay : ema.decay(updates));
      return Object.fromEntries(
        Object.entries(numbers).map(([key, value]) => [stepNames.scalar(key), float32([], [value])]),
      );
    },
  };
}

function expectNumber(value: Value, what: string): Value {
  if (value.shape.length === 0 && value.dtype === 'float32') return value;
  throw new UserError(
    `${what} must be one float32 number of shape [], not ${value.dtype} [${value.shape.join(', ')}]; reduce it`,
  );
}

/** Values of the weights that move, each of which the loss must have read. */
function trainedWeights(step: string, trainable: readonly string[], parameters: Parameters): Value[] {
  if (!trainable.length) throw new UserError(`the step "${step}" trains nothing: name the tensors that it moves`);
  const read = new Set(parameters.read);
  const idle = trainable.filter((name) => !read.has(name));
  if (idle.length) {
    const list = idle.slice(0, 8).join(', ');
    throw new UserError(
      `the step "${step}" is to train ${list}, which its loss does not read; leave them out of trainable`,
    );
  }
  return trainable.map((name) => parameters.get(name));
}

interface Group {
  /** As indices into the trained weights. */
  readonly members: readonly number[];
  readonly decays: boolean;
}

/** Weights that are moved as one row: those that decay, those that do not, and each that the optimiser wants apart. */
function groupsOf(
  names: readonly string[],
  weights: readonly Value[],
  decaying: NonNullable<StepOptions['decays']>,
  apart: readonly string[] = [],
): Group[] {
  const groups = new Map<string, { members: number[]; decays: boolean }>();
  names.forEach((name, i) => {
    const decays = decaying(name, weights[i].shape);
    const key = apart.includes(name) ? name : String(decays);
    const group = groups.get(key) ?? { members: [], decays };
    group.members.push(i);
    groups.set(key, group);
  });
  return [...groups.values()];
}

/** New values of buffers by name: running statistics of batch normalisations, and what the recipe names. */
function buffersOf(b: TrainingBuilder, parameters: Parameters, { updates = {} }: Added): Map<string, Value> {
  const statistics = parameters.read.flatMap((name): [string, Value][] => {
    const value = b.updates.get(stateInput(name));
    return value ? [[name, value]] : [];
  });
  const next = new Map([...statistics, ...Object.entries(updates)]);
  for (const [name, value] of next) {
    const { shape } = parameters.get(name);
    if (value.dtype === 'float32' && value.shape.join() === shape.join()) continue;
    throw new UserError(
      `the update of "${name}" is ${value.dtype} [${value.shape.join(', ')}], the buffer [${shape.join(', ')}]`,
    );
  }
  return next;
}

const sumOfSquares = (b: GraphBuilder, x: Value): Value =>
  x.shape.length ? b.reduceSumSquare(x, [...x.shape.keys()]) : b.mul(x, x);
