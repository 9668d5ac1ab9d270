// What DINO does beside the optimiser: the last layer stands still at first, and the weight decay grows.
// The optimiser itself is another one, around which it is.

import type { Optimiser } from '../loop/optimiser.ts';
import type { Schedule } from '../loop/schedule.ts';

/**
 * An optimiser that leaves the tensor `name` where it is for the first `updates`. Its moments are kept meanwhile: begun
 * late, with corrections that are over, they would make the first steps far too long.
 */
export function standingStill(optimiser: Optimiser, name: string, updates: number): Optimiser {
  return {
    moments: optimiser.moments,
    apart: [...(optimiser.apart ?? []), name],
    scalars: (rate, count) => ({ ...optimiser.scalars(rate, count), loose: count > updates ? 1 : 0 }),
    move(b, at) {
      const moved = optimiser.move(b, at);
      if (!at.names.includes(name)) return moved;
      const way = b.mul(b.sub(moved.weight, at.weight), at.scalars.loose);
      return { ...moved, weight: b.add(at.weight, way) };
    },
  };
}

/** Adam whose weight decay changes from step to step; it must have been made with one. */
export const decayingBy = (optimiser: Optimiser, weightDecay: Schedule): Optimiser => ({
  moments: optimiser.moments,
  apart: optimiser.apart,
  scalars: (rate, count) => ({ ...optimiser.scalars(rate, count), decay: rate * weightDecay(count - 1) }),
  move: (b, at) => optimiser.move(b, at),
});
