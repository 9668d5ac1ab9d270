// Maps of some layers of a model, read out as data: targets of an objective, and what pages show.
// Mining does not come here: there maps never leave the engine.

import { GraphBuilder, type Value } from '../graph/builder.ts';
import { float32, floats, type Float32Tensor, type Tensor } from '../graph/tensor.ts';
import type { Engine } from '../runtime/engine.ts';
import { runOnce } from '../runtime/run-once.ts';
import type { Encoder, Generator, GeneratorOptions } from '../zoo/model.ts';
import { latentInputs, shapesOf, type Latents } from './search/latents.ts';

/** Layers of a model by name, with the units that are wanted; undefined for all. */
export type Wanted = ReadonlyMap<string, readonly number[] | undefined>;

/** By layer: `[n, units, height, width]`, units in the order they were asked for. */
export type Maps = ReadonlyMap<string, Float32Tensor>;

/** @param images `[n, 3, h, w]`, RGB in [0, 1]. @returns maps, raw, on their own grids. */
export async function encoderMaps(
  engine: Engine,
  encoder: Encoder,
  images: Float32Tensor,
  wanted: Wanted,
): Promise<Maps> {
  const b = new GraphBuilder({ name: `maps of ${encoder.name}` });
  const { taps } = encoder.addTo(b, b.input('images', images.shape));
  const { maps } = await run(engine, b, taps, wanted, {}, { images });
  return maps;
}

/** @returns maps, raw, on their own grids, and the images `[n, 3, height, width]`. */
export async function generatorMaps(
  engine: Engine,
  generator: Generator,
  latents: Latents,
  wanted: Wanted,
  options?: Partial<GeneratorOptions>,
): Promise<{ maps: Maps; images: Float32Tensor }> {
  const b = new GraphBuilder({ name: `maps of ${generator.name}` });
  const built = generator.addTo(b, latentInputs(b, shapesOf(latents)).input, options);
  const { maps, more } = await run(engine, b, built.taps, wanted, { images: built.images }, latents);
  return { maps, images: more.images };
}

async function run(
  engine: Engine,
  b: GraphBuilder,
  taps: ReadonlyMap<string, Value>,
  wanted: Wanted,
  others: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<{ maps: Map<string, Float32Tensor>; more: Record<string, Float32Tensor> }> {
  const prefix = 'map:';
  for (const [layer, units] of wanted) {
    const map = taps.get(layer);
    if (!map) throw new RangeError(`there is no layer ${layer}`);
    b.output(units ? b.gather(map, units, 1) : b.identity(map), `${prefix}${layer}`);
  }
  for (const [name, value] of Object.entries(others)) b.output(b.identity(value), `other:${name}`);
  if (!wanted.size && !Object.keys(others).length) return { maps: new Map(), more: {} };
  const outputs = await runOnce(engine, b.build(), feeds);
  const output = (name: string) => float32(outputs[name].shape, floats(outputs[name].data));
  const maps = new Map([...wanted.keys()].map((layer) => [layer, output(`${prefix}${layer}`)]));
  const more = Object.fromEntries(Object.keys(others).map((name) => [name, output(`other:${name}`)]));
  return { maps, more };
}
