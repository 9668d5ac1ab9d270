// Augmented batches of photos, from a list of augmentations as plain data.
// It chooses no photos (loop/photos.ts does) and has no state: any batch of a run can be made again.

import { UserError } from '../../errors.ts';
import { Canvas, Draws } from './canvas.ts';
import { stepsOfCrops, stepsOfList, type Augmentation, type CropGroup, type Step } from './list.ts';
import type { ResizedCrop } from './place.ts';
import type { PhotoSet } from '../loop/photos.ts';

export type { Blur, ColourJitter, Greyscale, Solarise } from './colour.ts';
export type { Augmentation, CropGroup } from './list.ts';
export type { Crop, Cutout, Flip, ResizedCrop } from './place.ts';

type Photos = Pick<PhotoSet, 'pixels' | 'n' | 'height' | 'width'>;

/**
 * The batch `[indices.length, 3, height, width]`, RGB in [0, 1], of the photos `indices`. What is random about a photo
 * is a pure function of (seed, step, its place in `indices`). Written into `out` where that is given.
 * @throws UserError for a seed or step that is no whole number; RangeError for a photo that does not exist, or an `out`
 * of another length.
 */
export type Augment = (
  set: Photos,
  indices: ArrayLike<number>,
  seed: number,
  step: number,
  out?: Float32Array,
) => Float32Array;

/**
 * The function that applies a list of augmentations, in order; the empty list gives the photos as they are.
 *
 *     const augment = augmenter([{ type: 'crop', padding: 4 }, { type: 'flip' }]);
 *     const batch = augment(photos, batchOf(photos, seed, step, 128), seed, step);
 *
 * @throws UserError that names the entry, for one that is not an augmentation.
 */
export function augmenter(list: readonly Augmentation[]): Augment {
  const run = runner(stepsOfList(list, 'augmentations'), 0);
  return (set, indices, seed, step, out) => {
    const { height, width } = augmentedSize(list, set);
    const batch = fitting(out, indices.length * 3 * height * width);
    run(set, indices, seed, step, batch);
    return batch;
  };
}

/** Height and width of what a list makes of photos of a size. */
export function augmentedSize(
  list: readonly Augmentation[],
  { height, width }: Pick<PhotoSet, 'height' | 'width'>,
): { height: number; width: number } {
  const last = list.filter((entry) => entry.type === 'resizedCrop').at(-1);
  return last ? sizeOf(last) : { height, width };
}

function sizeOf({ size }: Pick<ResizedCrop, 'size'>): { height: number; width: number } {
  return typeof size === 'number' ? { height: size, width: size } : { height: size[0], width: size[1] };
}

export interface MultiCropRecipe {
  readonly global: CropGroup;
  readonly local?: CropGroup;
}

/** Of the two groups: a batch `[n, 3, height, width]` for each crop. */
export interface Crops<Group = Float32Array[]> {
  readonly global: Group;
  readonly local: Group;
}

/**
 * As `Augment`, for all crops. The crops of a group lie one after another in one buffer, `[count, n, 3, height, width]`:
 * that of `out`, where it is given.
 */
export type MultiCrop = (
  set: Photos,
  indices: ArrayLike<number>,
  seed: number,
  step: number,
  out?: Crops<Float32Array>,
) => Crops;

/**
 * Several random crops of every photo, few large and many small, each augmented by a list of its own:
 *
 *     multiCrop({ global: { count: 2, size: 32, scale: [0.4, 1] }, local: { count: 6, size: 16, scale: [0.05, 0.4] } })
 *
 * Source: Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", arXiv 2006.09882.
 * @throws UserError that names the group and the entry.
 */
export function multiCrop({ global, local, ...rest }: MultiCropRecipe): MultiCrop {
  const [unknown] = Object.keys(rest);
  if (unknown) throw new UserError(`a multi-crop has the groups global and local, not "${unknown}"`);
  if (!global) throw new UserError('a multi-crop needs a group global: { count, size, scale }');
  const large = cropper(global, 'global', 0);
  const small = local && cropper(local, 'local', global.count);
  return (set, indices, seed, step, out) => ({
    global: large(set, indices, seed, step, out?.global),
    local: small?.(set, indices, seed, step, out?.local) ?? [],
  });
}

function cropper(group: CropGroup, where: string, firstView: number) {
  const runs = stepsOfCrops(group, where).map((steps, i) => runner(steps, firstView + i));
  return (set: Photos, indices: ArrayLike<number>, seed: number, step: number, out?: Float32Array): Float32Array[] => {
    const { height, width } = sizeOf(group);
    const length = indices.length * 3 * height * width;
    const all = fitting(out, runs.length * length);
    return runs.map((run, i) => {
      const batch = all.subarray(i * length, (i + 1) * length);
      run(set, indices, seed, step, batch);
      return batch;
    });
  };
}

function fitting(out: Float32Array | undefined, length: number): Float32Array {
  if (out && out.length !== length) {
    throw new RangeError(`the batch has ${length} numbers, not the ${out.length} that are there for it`);
  }
  return out ?? new Float32Array(length);
}

/** Applies the steps to every photo of a batch; `view` tells the draws of a photo's crops apart. */
function runner(steps: readonly Step[], view: number) {
  const canvas = new Canvas();
  const draws = new Draws();
  return (set: Photos, indices: ArrayLike<number>, seed: number, step: number, out: Float32Array): void => {
    if (!Number.isSafeInteger(seed)) throw new UserError(`the seed must be a whole number, not ${seed}`);
    if (!(step >>> 0 === step)) throw new UserError(`the step must be a whole number of 0 to 2^32, not ${step}`);
    const { pixels, n, height, width } = set;
    const length = out.length / indices.length;
    for (let position = 0; position < indices.length; position++) {
      const index = indices[position];
      if (!(Number.isInteger(index) && index >= 0 && index < n))
        throw new RangeError(`of ${n} photos, none is ${index}`);
      canvas.load(pixels, index * 3 * height * width, height, width);
      draws.photo(seed, step, position, view);
      for (let entry = 0; entry < steps.length; entry++) {
        const { operation, probability } = steps[entry];
        draws.entry(entry);
        if (probability === 1 || draws.next() < probability) operation(canvas, draws);
      }
      out.set(canvas.data.subarray(0, length), position * length);
    }
  };
}
