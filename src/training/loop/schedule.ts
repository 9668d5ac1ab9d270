// Learning rates by step: pure functions, so that a resumed training goes on with the same ones.
// They know nothing of what is trained.

import { UserError } from '../../errors.ts';

/** A number for each step, counted from 0. */
export type Schedule = (step: number) => number;

export const constant =
  (rate: number): Schedule =>
  () =>
    rate;

/** Half a cosine from 1 at t = 0 to 0 at t = 1, and level beyond. */
const halfCosine = (t: number): number => (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, t)))) / 2;

const between = (from: number, to: number, fraction: number): number => to + (from - to) * fraction;

function expectSteps(steps: number, warmUp = 0): void {
  if (Number.isInteger(steps) && Number.isInteger(warmUp) && warmUp >= 0 && steps > warmUp) return;
  throw new UserError(`a schedule needs a whole number of steps beyond its ${warmUp} of warm-up, not ${steps}`);
}

export interface CosineOptions {
  /** The highest. */
  readonly rate: number;
  readonly steps: number;
  /** Steps of linear rise: step i of them has (i + 1) / warmUp of the rate; default 0. */
  readonly warmUp?: number;
  /** Where it falls to; default 0, reached at `steps`. */
  readonly final?: number;
}

/** Linear warm-up, then half a cosine down. Source: Loshchilov and Hutter, "SGDR", 2017, without restarts. */
export function cosine({ rate, steps, warmUp = 0, final = 0 }: CosineOptions): Schedule {
  expectSteps(steps, warmUp);
  return (step) =>
    step < warmUp ? (rate * (step + 1)) / warmUp : between(rate, final, halfCosine((step - warmUp) / (steps - warmUp)));
}

export interface CoolDownOptions {
  readonly rate: number;
  readonly steps: number;
  /** Steps at the end in which it falls. */
  readonly fall: number;
  /** Where it falls to; default 0, reached at `steps`. */
  readonly final?: number;
}

/**
 * Level, then a straight line down. Source: Hägele et al., "Scaling laws and compute-optimal training beyond fixed training
 * durations", 2024, with their linear form.
 */
export function coolDown({ rate, steps, fall, final = 0 }: CoolDownOptions): Schedule {
  expectSteps(steps);
  return (step) => between(rate, final, Math.min(1, Math.max(0, steps - step) / Math.max(1, fall)));
}

export interface StepDecayOptions {
  readonly rate: number;
  /** Steps from which on the rate is smaller. */
  readonly at: readonly number[];
  /** Default 0.1. */
  readonly factor?: number;
}

/** The rate times the factor for each of the given steps that is reached. */
export const stepDecay =
  ({ rate, at, factor = 0.1 }: StepDecayOptions): Schedule =>
  (step) =>
    rate * factor ** at.filter((milestone) => step >= milestone).length;

export interface OneCycleOptions {
  /** The highest. */
  readonly rate: number;
  readonly steps: number;
  /** Fraction of the steps in which it rises; default 0.3. */
  readonly rise?: number;
  /** At the first step; default a 25th of the highest. */
  readonly start?: number;
  /** At the last step; default a 10000th of the start. */
  readonly final?: number;
}

/**
 * Half a cosine up, half a cosine down. Source: Smith and Topin, "Super-convergence", 2018, in the form and with the
 * defaults of PyTorch's `OneCycleLR`.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const { rate, steps, rise = 0.3, start = rate / 25, final = start / 1e4 } = options;
  expectSteps(steps);
  const top = rise * steps - 1;
  return (step) =>
    step <= top && top > 0
      ? between(start, rate, halfCosine(step / top))
      : between(rate, final, halfCosine((step - top) / (steps - 1 - top)));
}

/**
 * Decay of a moving average that soon forgets where it began: min(decay, (1 + step) / (10 + step)).
 * Source: TensorFlow's `ExponentialMovingAverage` with `num_updates`.
 */
export const averageWarmUp =
  (decay: number): Schedule =>
  (step) =>
    Math.min(decay, (1 + step) / (10 + step));
