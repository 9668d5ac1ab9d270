// Terms on the latents alone: how far they are from where they started, or from where the generator's own latents are.
// They see no image.

import type { Float32Tensor } from '../../graph/tensor.ts';
import { UserError } from '../../errors.ts';
import type { Value } from '../../graph/builder.ts';
import type { Latents } from '../search/latents.ts';
import { meanRows, type Scene, type Term } from './terms.ts';

/** Squared length, as a fraction of the expected one, that is added for the sake of the gradient at 0. */
const tiny = 1e-12;

/**
 * Mean squared distance of the latent (z, w or ws; never c) to its start, over the squared deviation.
 * @param start one row for all, or one for each, in the space of the search.
 * @param std of the space's elements; default 1, that of z.
 */
export const startTerm = (start: Latents, weight = 1, std = 1): Term => distanceTerm('start', start, weight, std);

/**
 * Mean squared distance of the latent (z, w or ws; never c) to the generator's mean, over the squared standard deviation: about 1 for
 * the generator's own latents. Minus the logarithm of a normal density, up to a factor and a constant.
 * @param mean one row, in the space of the search; mean and standard deviation as `latentStatistics` gives them.
 */
export const meanTerm = (mean: Latents, std: number, weight = 1): Term => distanceTerm('mean', mean, weight, std);

/**
 * (|z| / sqrt(length) - 1)^2: 0 on the sphere near which nearly all of a normal distribution of many dimensions lies.
 * @throws UserError while it is added when the search is not in z.
 */
export function normTerm(weight = 1): Term {
  return {
    name: 'norm',
    weight,
    addTo({ b, generator, latents: { z } }) {
      if (!z) throw new UserError(`the norm of z means nothing in the intermediate latents of ${generator.name}`);
      const radius = b.sqrt(b.add(meanRows(b, b.mul(z, z)), tiny));
      const excess = b.sub(radius, 1);
      return { loss: b.mul(excess, excess) };
    },
  };
}

function distanceTerm(name: string, centre: Latents, weight: number, std: number): Term {
  if (!(std > 0)) throw new RangeError(`a standard deviation of ${std} is no scale`);
  return {
    name,
    weight,
    addTo(scene) {
      const { b } = scene;
      const difference = b.sub(...moved(scene, name, centre));
      return { loss: b.mul(meanRows(b, b.mul(difference, difference)), 1 / std ** 2) };
    },
  };
}

/** The latent and its centre. */
function moved(scene: Scene, name: string, centre: Latents): [Value, Value] {
  const key = (['z', 'w', 'ws'] as const).find((space) => scene.latents[space]);
  const latent = key && scene.latents[key];
  const given = key && centre[key];
  const fits = (one: Float32Tensor, to: Value) =>
    [1, scene.n].includes(one.shape[0]) && one.shape.slice(1).join() === to.shape.slice(1).join();
  if (!latent || !given || !fits(given, latent)) {
    const found = Object.entries(centre).map(([space, { shape }]) => `"${space}" [${shape.join(', ')}]`);
    throw new RangeError(
      `the term ${name} needs "${key}" [1 or ${scene.n}, ${latent?.shape.slice(1).join(', ')}], not ${found.join(' and ')}`,
    );
  }
  return [latent, scene.given(`${name}/centre`, given)];
}
