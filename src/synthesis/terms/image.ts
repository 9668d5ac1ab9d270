// Terms on the generated images: distance to target images in pixels, and in the features of an encoder.
// Agreement of units with target maps is agreement.ts; numbers for reports are metrics.ts.

import { UserError } from '../../errors.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { float32, sizeOf, type Float32Tensor, floats } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import { runOnce } from '../../runtime/run-once.ts';
import type { Encoder } from '../../zoo/model.ts';
import type { Maps } from '../maps.ts';
import { meanRows, sumRows, type AddedTerm, type Scene, type Term } from './terms.ts';
import { required } from '../../lookup.ts';

/** Squared norm that is added to every feature vector's, as in LPIPS: where all channels are silent the vector is 0. */
const silent = 1e-10;

/**
 * Mean squared error of the images, over the positions that count.
 * @param target `[1 or n, 3, height, width]`, RGB in [0, 1], of the generator's size.
 * @param mask `[1 or n, 1, height, width]` in [0, 1]: weights of the positions; default 1 everywhere.
 * @throws UserError when a mask is 0 everywhere, or target or mask do not fit the images (while the term is added).
 */
export function pixelTerm(target: Float32Tensor, weight = 1, mask?: Float32Tensor, name = 'pixels'): Term {
  return {
    name,
    weight,
    addTo(scene) {
      const { b, n, images } = scene;
      checkFits('target', target, n, images.shape.slice(1));
      const difference = b.sub(images, scene.given(`${name}/target`, target));
      const square = b.mul(difference, difference);
      if (!mask) return { loss: meanRows(b, square) };
      checkFits('mask', mask, n, [1, ...images.shape.slice(2)]);
      return { loss: sumRows(b, b.mul(square, scene.given(`${name}/mask`, shares(mask, images.shape[1])))) };
    },
  };
}

/**
 * Unit features of images: at every layer and position the vector of all channels over its norm, for `featureTerm`.
 * @param images `[n, 3, h, w]`, RGB in [0, 1], any size. @returns by layer, `[n, channels, h, w]`.
 */
export async function featureTargets(engine: Engine, encoder: Encoder, images: Float32Tensor): Promise<Maps> {
  const b = new GraphBuilder({ name: `features of ${encoder.name}` });
  const features = addFeatures(b, encoder, b.input('images', images.shape), 'encoder/');
  for (const [layer, value] of features) b.output(b.identity(value), `target ${layer}`);
  const outputs = await runOnce(engine, b.build(), { images });
  const output = (name: string) => float32(outputs[name].shape, floats(outputs[name].data));
  return new Map([...features.keys()].map((layer) => [layer, output(`target ${layer}`)]));
}

/**
 * Distance of the images' features to target features, see `addFeatureDistance`.
 * @param target of one image for all rows, or of one for each, from `featureTargets` of the same encoder.
 * @returns a term that needs no generator: it looks at the images alone.
 */
export function featureTerm(encoder: Encoder, target: Maps, weight = 1, name = 'features') {
  return {
    name,
    weight,
    addTo(scene: Pick<Scene, 'b' | 'images' | 'given'>): AddedTerm {
      const given = (layer: string) => scene.given(`${name}/${layer}`, required(target, layer, 'layer'));
      return { loss: addFeatureDistance(scene.b, encoder, scene.images, given, `${name}/`) };
    },
  } satisfies Term;
}

/**
 * For each row, the mean over the encoder's layers of the mean over positions of |u - t|^2, where u and t are the vectors of
 * all channels over their norms: 0 for equal ones, 2 for orthogonal ones, 4 at most. It is LPIPS without its learned weights
 * (Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018, equation 1 with all
 * w = 1), with a mean over layers for their sum.
 * @param images `[n, 3, h, w]`. @param given the target of a layer, `[1 or n, channels, h, w]`.
 * @param prefix of the names of the encoder's values in the builder.
 * @returns `[n]`.
 */
export function addFeatureDistance(
  b: GraphBuilder,
  encoder: Encoder,
  images: Value,
  given: (layer: string) => Value,
  prefix: string,
): Value {
  const distances = [...addFeatures(b, encoder, images, prefix)].map(([layer, features]) => {
    const difference = b.sub(features, given(layer));
    const square = b.reduceSum(b.mul(difference, difference), [1]);
    return meanRows(b, square);
  });
  return b.mul(
    distances.reduce((sum, value) => b.add(sum, value)),
    1 / distances.length,
  );
}

/** Unit features by layer. The encoder is added to a graph of its own first: its names may be those of the generator. */
function addFeatures(b: GraphBuilder, encoder: Encoder, images: Value, prefix: string): Map<string, Value> {
  const own = new GraphBuilder({ name: encoder.name, opset: b.opset });
  for (const [layer, map] of encoder.addTo(own, own.input('encoder images', images.shape)).taps) {
    const norm = own.sqrt(own.add(own.reduceSum(own.mul(map, map), [1], true), silent));
    own.output(own.div(map, norm), `features ${layer}`);
  }
  const outputs = b.inline(own.build(), { 'encoder images': images }, prefix);
  return new Map(Object.entries(outputs).map(([name, value]) => [name.slice('features '.length), value]));
}

function checkFits(what: string, { shape }: Float32Tensor, n: number, rest: readonly number[]): void {
  if ((shape[0] === 1 || shape[0] === n) && shape.slice(1).join() === rest.join()) return;
  const wanted = `[${n === 1 ? '1' : `1 or ${n}`}, ${rest.join(', ')}]`;
  throw new UserError(`the ${what} of the images must be ${wanted}, not [${shape.join(', ')}]; resize it first`);
}

/** Each row of a mask over its sum, over all channels. */
function shares(mask: Float32Tensor, channels: number): Float32Tensor {
  const size = sizeOf(mask.shape.slice(1));
  const data = new Float32Array(mask.data.length);
  for (let at = 0; at < data.length; at += size) {
    const row = mask.data.subarray(at, at + size);
    const sum = row.reduce((total, value) => total + value, 0);
    if (!(sum > 0)) throw new UserError('the mask of the images is 0 everywhere; let at least one position count');
    row.forEach((value, i) => (data[at + i] = value / (sum * channels)));
  }
  return float32(mask.shape, data);
}
