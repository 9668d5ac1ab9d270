// The official full-size networks by the names and shapes of their tensors, with random weights and what only their
// files tell (paddings of StyleGAN-XL, say) from the list beside the tests.

import { readFileSync } from 'node:fs';
import type { PickledModule } from 'rosetta-neurons/checkpoint';
import { float32, sizeOf, type Float32Tensor, type Tensor } from 'rosetta-neurons/graph';
import { architectures, type Hints } from 'rosetta-neurons/zoo';

/** What the list holds of a network. */
interface Listed {
  readonly state_dict: readonly (readonly [tensor: string, shape: readonly number[]])[];
  readonly config: {
    readonly cls: string;
    readonly img_resolution: number;
    readonly stages?: readonly { readonly img_resolution: number }[];
  };
  readonly layer_attributes?: readonly (PickledModule['attributes'] & { readonly name: string })[];
}

const list = new URL('../../test/golden/full_shapes.json', import.meta.url);
const all = JSON.parse(readFileSync(list, 'utf8')) as Readonly<Record<string, Listed>>;

export const names = Object.keys(all).filter((name) => !name.startsWith('_'));

export const shapesOf = (name: string): Map<string, readonly number[]> => new Map(all[name].state_dict);

/** What a pickle of the network would tell beside its tensors. */
export function hintsOf(name: string): Hints {
  const { config, layer_attributes: layers } = all[name];
  if (!layers) return {};
  const modules = new Map<string, PickledModule>();
  const resolution = config.stages?.at(-1)?.img_resolution ?? config.img_resolution;
  const [first] = layers;
  modules.set('', { className: config.cls, attributes: { img_resolution: resolution } });
  modules.set('synthesis', {
    className: 'SynthesisNetwork',
    attributes: { layer_names: layers.map((layer) => layer.name), output_scale: 0.25 },
  });
  modules.set('synthesis.input', {
    className: 'SynthesisInput',
    attributes: {
      size: first.in_size,
      sampling_rate: first.in_sampling_rate,
      bandwidth: first.in_cutoff,
    },
  });
  modules.set('mapping.fc0', { className: 'FullyConnectedLayer', attributes: { bias_gain: 0.01 } });
  for (const layer of layers)
    modules.set(`synthesis.${layer.name}`, { className: 'SynthesisLayer', attributes: layer });
  return { modules };
}

/** The family of a network, and its configuration. */
export function familyOf(name: string): {
  readonly family: (typeof architectures)[number];
  readonly config: Readonly<Record<string, unknown>>;
} {
  const shapes = shapesOf(name);
  for (const family of architectures) {
    const config = family.recognise(shapes, hintsOf(name));
    if (config) return { family, config };
  }
  throw new Error(`no family recognises ${name}`);
}

export function cardOf(name: string) {
  const { family, config } = familyOf(name);
  const facts = { task: 'none', supervision: 'none', data: 'none', licence: 'none', source: 'random weights' };
  return { name, architecture: family.name, config, ...facts };
}

/** Random weights, as training would begin with them. */
export function tensorsOf(name: string): ReadonlyMap<string, Tensor> {
  const { family } = familyOf(name);
  const zeros = new Map(
    [...shapesOf(name)].map(([tensor, shape]) => [tensor, float32(shape, new Float32Array(sizeOf(shape)))]),
  );
  return family.fresh ? family.fresh(zeros, 1) : freshEncoder(zeros);
}

/** A few thousand normal numbers, over and over: only the time of a run is of interest. */
function freshEncoder(zeros: ReadonlyMap<string, Float32Tensor>): Map<string, Tensor> {
  const table = Float32Array.from({ length: 4099 }, (_, i) => {
    const u = (i + 0.5) / 4099;
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * ((i * 0.6180339887) % 1));
  });
  return new Map(
    [...zeros].map(([name, { shape, data }]) => {
      if (/(running_var|weight)$/.test(name) && shape.length < 2) return [name, float32(shape, data.fill(1))];
      const scale = Math.sqrt(2 / Math.max(1, sizeOf(shape.slice(1))));
      if (shape.length > 1) for (let i = 0; i < data.length; i++) data[i] = scale * table[i % table.length];
      return [name, float32(shape, data)];
    }),
  );
}
