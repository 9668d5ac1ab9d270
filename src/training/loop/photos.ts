// Labelled photos in memory, and which of them each training step sees.
// It reads no files (images/node/pixels.ts does) and changes no pixels (augment/augment.ts does).

import { UserError } from '../../errors.ts';
import { randomAt } from '../../random.ts';

export interface PhotoSet {
  /** `[n, 3, height, width]`, RGB, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly n: number;
  readonly height: number;
  readonly width: number;
  /** Of each photo, its class as an index into `classes`. */
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /** Of each photo, its path inside the set. */
  readonly names: readonly string[];
}

/** Keeps these permutations apart from whatever else is drawn with the same seed. */
const epochStream = 0x65706f63;

/**
 * The order of `n` photos in an epoch, a pure function of the three: a Fisher-Yates shuffle by counted random numbers.
 * @throws UserError when `seed` is not a whole number.
 */
export function shuffled(seed: number, epoch: number, n: number): Int32Array {
  if (!Number.isSafeInteger(seed)) throw new UserError(`the seed must be a whole number, not ${seed}`);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i++) {
    const j = i + Math.floor(randomAt(seed, epoch * 2 ** 32 + i, epochStream) * (n - i));
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

/**
 * Steps of one epoch: the photos that do not fill a batch are left out, others in each epoch.
 * @throws UserError when `size` is not a whole number of 1 to `n`.
 */
export function stepsOf({ n }: Pick<PhotoSet, 'n'>, size: number): number {
  if (!(Number.isInteger(size) && size >= 1 && size <= n)) {
    throw new UserError(`the batch size must be a whole number of 1 to the number of photos, ${n}, not ${size}`);
  }
  return Math.floor(n / size);
}

/** The order that was asked for last, by set: steps come one after another, and an order costs far more than a batch. */
const orders = new WeakMap<object, { readonly seed: number; readonly epoch: number; readonly order: Int32Array }>();

/**
 * The photos of step `step` (from 0, counted through all epochs): a pure function of (n, seed, step, size), so that a
 * run goes on, or a batch is made again, from the step's number alone.
 * @throws UserError as `stepsOf` and `shuffled`.
 */
export function batchOf(set: Pick<PhotoSet, 'n'>, seed: number, step: number, size: number): Int32Array {
  const steps = stepsOf(set, size);
  const epoch = Math.floor(step / steps);
  let known = orders.get(set);
  if (known?.seed !== seed || known.epoch !== epoch || known.order.length !== set.n) {
    known = { seed, epoch, order: shuffled(seed, epoch, set.n) };
    orders.set(set, known);
  }
  const first = (step - epoch * steps) * size;
  return known.order.slice(first, first + size);
}

/**
 * The noun by which a photo of CIFAR was found, from its file name: `alley cat` of `train/cat/alley_cat_s_000067.webp`.
 * Of another file name, all but the extension, with spaces for underscores.
 */
export const noun = (name: string): string =>
  name
    .slice(name.lastIndexOf('/') + 1)
    .replace(/\.[^.]*$/, '')
    .replace(/_s_\d+$/, '')
    .replaceAll('_', ' ');
