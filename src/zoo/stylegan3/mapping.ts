// The mapping network of StyleGAN3 and StyleGAN-XL: z and a class to w, and truncation towards a mean w.
// What the layers do with w is not here.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { lastOf, required } from '../../lookup.ts';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { channels, classes, layers } from '../bounds.ts';
import type { Shapes } from '../architecture.ts';
import type { GeneratorOptions } from '../model.ts';
import { dense, mapped, normalised, truncated } from '../stylegan2/ops.ts';
import type { Weights } from '../weights.ts';

export const mappingSchema = Type.Object({
  z: channels('Length of z.'),
  w: channels('Length of w.'),
  classes: classes('0 for none.', 0),
  layers: layers('Fully connected layers.'),
});

/** What tensors tell of a mapping network. */
export type MappingSizes = Read<typeof mappingSchema>;

/** Sizes of a mapping network; undefined when the tensors are not those of one. */
export function mappingSizes(shapes: Shapes): MappingSizes | undefined {
  const first = shapes.get('mapping.fc0.weight');
  const mean = shapes.get('mapping.w_avg');
  if (first?.length !== 2 || !mean?.length) return undefined;
  let layers = 0;
  while (shapes.has(`mapping.fc${layers}.weight`)) layers++;
  const w = lastOf(mean);
  // StyleGAN-XL embeds classes in as many numbers as z has, StyleGAN3 in as many as w has.
  const projection = shapes.get('mapping.embed_proj.weight');
  if (projection) return { z: projection[0], w, classes: mean[0], layers };
  const conditional = shapes.has('mapping.embed.bias');
  const classes = conditional ? required(shapes, 'mapping.embed.weight', 'tensor')[1] : 0;
  return { z: conditional ? first[1] - w : first[1], w, classes, layers };
}

/**
 * Adds the mapping network and truncation; with classes, towards the class's own mean w where the file has one for each.
 * Source: `MappingNetwork` of the official codes of StyleGAN3 and StyleGAN-XL.
 * @param rate learning rate relative to that of the rest, by which its weights are scaled.
 * @param layers number of latents in w+.
 * @returns w+, `[n, layers, w]`.
 * @throws UserError when there are classes and no c.
 */
export function mapping(
  b: GraphBuilder,
  { z, c }: { readonly z: Value; readonly c?: Value },
  weights: Weights,
  sizes: MappingSizes & { readonly rate: number },
  layers: number,
  options: GeneratorOptions,
): Value {
  const { classes, rate } = sizes;
  let x = normalised(b, z);
  if (classes) {
    if (!c) throw new UserError(`${weights.owner} needs a class beside z: c, one-hot, [n, ${classes}]`);
    x = b.concat([x, normalised(b, embedding(b, c, weights))], 1);
  }
  const names = Array.from({ length: sizes.layers }, (_, i) => `mapping.fc${i}`);
  const w = mapped(b, x, weights, names, { rate, activation: 'lrelu' });
  return truncated(b, w, layers, options, () => {
    const means = weights.constant(b, 'mapping.w_avg');
    return classes && c && means.shape.length === 2 ? b.matmul(c, means) : means;
  });
}

/** A class in numbers. StyleGAN-XL projects the embedding of another network, StyleGAN3 has one of its own. */
function embedding(b: GraphBuilder, c: Value, weights: Weights): Value {
  if (!weights.has('mapping.embed_proj.weight')) return dense(b, c, weights, 'mapping.embed');
  const embedded = b.matmul(
    c,
    weights.constant(b, 'mapping.embed.weight', [c.shape[1], weights.shape('mapping.embed_proj.weight')[1]]),
  );
  return mapped(b, embedded, weights, ['mapping.embed_proj'], { rate: 1, activation: 'lrelu' });
}
