// The rows of a search as they are at a moment: latents, Adam's moments, the best so far. Plain data, changed in place.
// How rows move is in optimise.ts; how a state becomes a file in state.ts.

import { UserError } from '../../errors.ts';
import { float32 } from '../../graph/tensor.ts';
import { adamState, type AdamState } from './adam.ts';
import { entriesOf, mapTensors, rowsIn, shapesOf, type Latents } from './latents.ts';
import { present } from '../../lookup.ts';

/** All that a search is at a moment. Plain data; a saved one can be taken up again to the same result. */
export interface SearchState {
  /** Steps done. */
  readonly step: number;
  readonly latents: Latents;
  /** Of every latent, also of those that are not moved: where they are missing, the state is damaged. */
  readonly adam: Readonly<Record<string, AdamState>>;
  /** The best of each row so far. */
  readonly best: { readonly latents: Latents; readonly loss: Float32Array; readonly step: Int32Array };
  /** Step at which a row last got better by more than a thousandth, for early stopping. */
  readonly improved: { readonly loss: Float32Array; readonly step: number };
}

/** The search in place: arrays are changed as it goes. */
export interface Search {
  step: number;
  latents: Latents;
  adam: Record<string, AdamState>;
  best: { latents: Latents; loss: Float32Array; step: Int32Array };
  improved: { loss: Float32Array; step: number };
}

const copyTensors = (latents: Latents): Latents =>
  mapTensors(latents, ({ shape, data }) => float32(shape, Float32Array.from(data)));

export function beginSearch(start: Latents): Search {
  const n = rowsIn(start);
  const nothing = () => new Float32Array(n).fill(Infinity);
  return {
    step: 0,
    latents: copyTensors(start),
    adam: Object.fromEntries(entriesOf(start).map(([name, { data }]) => [name, adamState(data.length)])),
    best: { latents: copyTensors(start), loss: nothing(), step: new Int32Array(n) },
    improved: { loss: nothing(), step: 0 },
  };
}

/** @throws UserError when the state is of other latents. */
export function resumeSearch(state: SearchState, start: Latents): Search {
  const shapes = (latents: Latents) => JSON.stringify(shapesOf(latents));
  const whole = entriesOf(start).every(([name]) => state.adam[name]);
  if (shapes(state.latents) !== shapes(start) || !whole) {
    throw new UserError('the saved search is of other latents; begin anew, or give the space and starts it had');
  }
  return copySearch(state);
}

export function copySearch({ step, latents, adam, best, improved }: SearchState): Search {
  const copy = ({ first, second }: AdamState): AdamState => ({
    first: Float32Array.from(first),
    second: Float32Array.from(second),
  });
  return {
    step,
    latents: copyTensors(latents),
    adam: Object.fromEntries(Object.entries(adam).map(([name, state]) => [name, copy(state)])),
    best: {
      latents: copyTensors(best.latents),
      loss: Float32Array.from(best.loss),
      step: Int32Array.from(best.step),
    },
    improved: { loss: Float32Array.from(improved.loss), step: improved.step },
  };
}

/** Remembers rows that are better than ever. */
export function keepBest({ best, improved, step }: Search, latents: Latents, loss: Float32Array): void {
  loss.forEach((value, row) => {
    if (!(value < best.loss[row])) return;
    best.loss[row] = value;
    best.step[row] = step;
    for (const [name, tensor] of entriesOf(latents)) {
      const size = tensor.data.length / loss.length;
      present(best.latents[name], 'latent').data.set(tensor.data.subarray(row * size, (row + 1) * size), row * size);
    }
    if (!(value < improved.loss[row] - 1e-3 * Math.abs(improved.loss[row])) && Number.isFinite(improved.loss[row]))
      return;
    improved.loss[row] = value;
    improved.step = step;
  });
}
