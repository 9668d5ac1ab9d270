// What the steps of adversarial training are fed, drawn anew for each iteration from the seed and its number alone.
// The steps are in steps.ts.

import { float32, sizeOf, type Float32Tensor } from '../../graph/tensor.ts';
import { fillNormal, randomAt } from '../../random.ts';
import type { Augment } from '../augment/augment.ts';
import { drawAugment } from '../augment/differentiable.ts';
import { ganParts, latentInputs, type GanStepsOptions } from './steps.ts';
import type { TrainingGenerator } from './generator.ts';
import { smoothed } from '../loop/losses.ts';
import { batchOf, type PhotoSet } from '../loop/photos.ts';
import type { Batches } from '../loop/train.ts';

/** Keeps these draws apart from others of the same seed, with room for 256 uses: the upper 21 bits of a stream. */
const firstUse = 0x67600;

/** Uses of a part: latents are the first of them. */
const uses = 64;
const augmentUse = uses - 1;

const parts: readonly string[] = [ganParts.discriminator, ganParts.r1, ganParts.generator];

/** The stream of a part's use in an iteration. */
const streamOf = (part: string, use: number, step: number): number =>
  (firstUse + parts.indexOf(part) * uses + use) * 2 ** 32 + step;

/** One-hot rows. */
const oneHot = (labels: ArrayLike<number>, classes: number): Float32Tensor =>
  float32([labels.length, classes], smoothed(labels, classes));

/** Latents of `n` images: z and noise standard normal, classes as often as photos have them. */
function drawLatents(
  generator: TrainingGenerator,
  { labels }: Pick<PhotoSet, 'labels'>,
  n: number,
  seed: number,
  stream: (use: number) => number,
): Record<string, Float32Tensor> {
  const drawn = Object.entries(latentInputs(generator, n)).map(([name, { shape }], use): [string, Float32Tensor] => {
    const own = stream(use);
    if (name !== 'classes') return [name, float32(shape, fillNormal(new Float32Array(sizeOf(shape)), 1, seed, own))];
    const photo = (i: number) => Math.floor(randomAt(seed, i, own) * labels.length);
    return [
      name,
      oneHot(
        Array.from({ length: n }, (_, i) => labels[photo(i)]),
        generator.classes,
      ),
    ];
  });
  return Object.fromEntries(drawn);
}

/**
 * The batches of an iteration, a pure function of (seed, step). The penalty sees the discriminator's photos, every so many
 * iterations.
 * @param change of the photos, before the augmentation that generated images undergo too.
 */
export function ganBatches(
  { generator, augment, batch: n, r1 }: Pick<GanStepsOptions, 'generator' | 'augment' | 'batch' | 'r1'>,
  photos: PhotoSet,
  change: Augment,
  seed: number,
): (step: number) => Batches {
  const { size, classes } = generator;
  return (step) => {
    const indices = batchOf(photos, seed, step, n);
    const labels = Array.from(indices, (i) => photos.labels[i]);
    const photographs = {
      real: float32([n, 3, size, size], change(photos, indices, seed, step)),
      ...(classes && { target: oneHot(labels, classes) }),
    };
    const latents = (part: string) => drawLatents(generator, photos, n, seed, (use) => streamOf(part, use, step));
    const changes = (part: string, images: number) =>
      drawAugment(augment, { n: images, size }, seed, streamOf(part, augmentUse, step));
    const { discriminator, generator: made, r1: penalty } = ganParts;
    return {
      [discriminator]: { ...photographs, ...latents(discriminator), ...changes(discriminator, 2 * n) },
      [made]: { ...latents(made), ...changes(made, n) },
      ...(r1 && step % r1.every === 0 && { [penalty]: { ...photographs, ...changes(penalty, n) } }),
    };
  };
}
