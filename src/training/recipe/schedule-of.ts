// What a recipe's schedule means for photos of a number: steps, learning rates, the optimiser.
// Schedules themselves are in loop/schedule.ts, optimisers in loop/optimiser.ts.

import { UserError } from '../../errors.ts';
import { adam, sgd, type Optimiser } from '../loop/optimiser.ts';
import { stepsOf, type PhotoSet } from '../loop/photos.ts';
import type { OptimiserSettings, Recipe } from './recipe.ts';
import { averageWarmUp, constant, coolDown, cosine, oneCycle, type Schedule } from '../loop/schedule.ts';

export interface ScheduleOfRecipe {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly optimiser: Optimiser;
  readonly rate: Schedule;
  /** As `StepOptions.ema`: it soon forgets the fresh weights. */
  readonly ema?: { readonly decay: Schedule };
  readonly clip?: number;
}

/** @throws UserError when a batch is larger than the photos, a warm-up longer than the training, or a rate has what it cannot use. */
export function scheduleOf({ schedule }: Recipe, photos: Pick<PhotoSet, 'n'>): ScheduleOfRecipe {
  const { batch, epochs, ema, clip } = schedule;
  const stepsPerEpoch = stepsOf(photos, batch);
  const steps = Math.max(1, Math.round(epochs * stepsPerEpoch));
  if (steps >= 2 ** 32)
    throw new UserError(
      `schedule.epochs, ${epochs}, make ${steps} steps of ${stepsPerEpoch} an epoch; give fewer: steps are below 2^32`,
    );
  return {
    steps,
    stepsPerEpoch,
    optimiser: optimiserOf(schedule.optimiser),
    rate: rateOf(schedule.rate, steps),
    ...(ema !== undefined && { ema: { decay: averageWarmUp(ema) } }),
    ...(clip !== undefined && { clip }),
  };
}

export function optimiserOf(settings: OptimiserSettings): Optimiser {
  return settings.kind === 'sgd' ? sgd(settings) : adam(settings);
}

/**
 * The learning rate of a recipe over `steps`.
 * @throws UserError when the kind of rate has no use for what is given.
 */
export function rateOf(settings: Recipe['schedule']['rate'], steps: number): Schedule {
  const { kind, peak, warmUp, coolDown: fall = 0, last = 0 } = settings;
  const useless = kind === 'constant' ? 'warmUp' : 'coolDown';
  if (settings[useless] !== undefined)
    throw new UserError(`schedule.rate has ${useless}, which a ${kind} rate does not know; leave it out`);
  if (kind === 'constant')
    return fall ? coolDown({ rate: peak, steps, fall: Math.round(fall * steps), final: peak * last }) : constant(peak);
  if (kind === 'oneCycle') return oneCycle({ rate: peak, steps, rise: warmUp, final: peak * last });
  return cosine({ rate: peak, steps, warmUp: Math.round((warmUp ?? 0) * steps), final: peak * last });
}
