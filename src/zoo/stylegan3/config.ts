// The configuration of a StyleGAN3 or StyleGAN-XL: what its pickle tells beside the tensors, as plain data.
// Building the network is done elsewhere.

import Type from 'typebox';
import type { PickledModule, Plain } from '../../checkpoint/modules.ts';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { above0, each, side } from '../bounds.ts';
import type { Hints, Shapes } from '../architecture.ts';
import { fourierFeaturesSchema } from './fourier-features.ts';
import { layerSchema, type StyleGan3Layer } from './layer.ts';
import { mappingSchema, mappingSizes } from './mapping.ts';

const networkSchema = Type.Object({
  resolution: side('Width and height of the images.'),
  outputScale: above0("Factor of the last layer's maps in the image."),
  mappingRate: above0("Learning rate's multiplier of the mapping network, by which its weights are scaled."),
  input: fourierFeaturesSchema,
  layers: each(layerSchema, 'In order. After the stem of a StyleGAN-XL a number is left out in the names.', 1, 256),
});

export const stylegan3Config = Type.Object({
  mapping: mappingSchema,
  /** What only the pickled modules tell; undefined where a file has tensors only. */
  network: Type.Optional(networkSchema),
  margins: Type.Optional(
    Type.Enum(['cut', 'keep'], {
      description:
        'Of the taps: maps reach beyond the image by ten positions on every side, which are cut off (default) or kept.',
    }),
  ),
});

export type StyleGan3Config = Read<typeof stylegan3Config>;
export type StyleGan3Network = Read<typeof networkSchema>;

/** Configuration from names and shapes of the tensors and the attributes of the modules; undefined for other networks. */
export function recogniseStyleGan3(shapes: Shapes, { modules }: Hints): StyleGan3Config | undefined {
  const mapping = mappingSizes(shapes);
  if (!mapping || !shapes.has('synthesis.input.freqs')) return undefined;
  return { mapping, ...(modules && { network: networkOf(modules) }) };
}

/** @throws UserError when the configuration does not have it. */
export function networkOfConfig({ network }: StyleGan3Config): StyleGan3Network {
  if (network) return network;
  throw new UserError(
    'the tensors of a StyleGAN3 or StyleGAN-XL do not tell its paddings and sampling rates: open the official .pkl file itself, or a card whose config has "network"',
  );
}

function networkOf(modules: ReadonlyMap<string, PickledModule>): StyleGan3Network {
  const read = new AttributeReader(modules);
  const names = read.list('synthesis', 'layer_names', isText);
  const size = read.list('synthesis.input', 'size', isPositive, 2);
  return {
    resolution: read.one('', 'img_resolution', isPositive),
    outputScale: read.one('synthesis', 'output_scale', isNumber),
    mappingRate: read.one('mapping.fc0', 'bias_gain', isNumber),
    input: {
      width: size[0],
      height: size[1],
      samplingRate: read.one('synthesis.input', 'sampling_rate', isNumber),
      bandwidth: read.one('synthesis.input', 'bandwidth', isNumber),
    },
    layers: names.map((name) => layerOf(read, name)),
  };
}

function layerOf(read: AttributeReader, name: string): StyleGan3Layer {
  const path = `synthesis.${name}`;
  const [up, down] = ['up_factor', 'down_factor'].map((factor) => read.one(path, factor, isPositive));
  if (up % down !== 0) {
    throw new UserError(
      `the layer ${path} has up_factor ${up} and down_factor ${down}: the first is expected to be a multiple of the second, as in all official networks`,
    );
  }
  const [left, right, top, bottom] = read.list(path, 'padding', isWhole, 4);
  return {
    name,
    up,
    down,
    padding: [left, right, top, bottom],
    clamp: read.one(path, 'conv_clamp', isNumberOrNull),
    toRgb: read.one(path, 'is_torgb', isBoolean),
  };
}

/** Reads attributes of modules; messages name what does not fit. */
class AttributeReader {
  readonly #modules: ReadonlyMap<string, PickledModule>;

  constructor(modules: ReadonlyMap<string, PickledModule>) {
    this.#modules = modules;
  }

  one<T extends Plain>(path: string, name: string, fits: (value: Plain) => value is T): T {
    const value = this.#modules.get(path)?.attributes[name];
    if (value !== undefined && fits(value)) return value;
    return this.#refuse(path, name, value);
  }

  list<T extends Plain>(path: string, name: string, fits: (value: Plain) => value is T, length?: number): T[] {
    const value = this.#modules.get(path)?.attributes[name];
    if (!isList(value) || (length !== undefined && value.length !== length)) {
      return this.#refuse(path, name, value);
    }
    return value.map((item) => (fits(item) ? item : this.#refuse(path, name, value)));
  }

  #refuse(path: string, name: string, value: Plain | undefined): never {
    throw new UserError(
      `the module "${path || 'generator'}" of the pickled network has ${name} = ${JSON.stringify(value) ?? 'nothing'}, which no StyleGAN3 or StyleGAN-XL has; the official .pkl file is expected`,
    );
  }
}

const isList = (value: Plain | undefined): value is readonly Plain[] => Array.isArray(value);
const isNumber = (value: Plain): value is number => typeof value === 'number' && Number.isFinite(value);
const isNumberOrNull = (value: Plain): value is number | null => value === null || isNumber(value);
const isWhole = (value: Plain): value is number => isNumber(value) && Number.isInteger(value);
const isPositive = (value: Plain): value is number => isWhole(value) && value > 0;
const isText = (value: Plain): value is string => typeof value === 'string';
const isBoolean = (value: Plain): value is boolean => typeof value === 'boolean';
