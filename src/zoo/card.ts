// A model card: what a model is, where it comes from, and how to build and feed it. Plain data; schemas that are its types.
// It does not hold weights; cards are read in read-card.ts.

import Type from 'typebox';
import type { Read } from '../files/json.ts';

/** Far beyond what is measured or normalised by; what is larger is a mistake. */
const far = 1e15;
const text = (description: string) => Type.String({ minLength: 1, description });
const side = (description: string) => Type.Integer({ minimum: 1, maximum: 8192, description });
const of = { minimum: -1e6, maximum: 1e6 };
const above0 = { exclusiveMinimum: 0, maximum: 1e6 };
const closed = { additionalProperties: false };

export const inputSchema = Type.Object(
  {
    height: side('In pixels.'),
    width: side('In pixels.'),
    mean: Type.Tuple([Type.Number(of), Type.Number(of), Type.Number(of)], {
      description: 'Per channel, in RGB order, of values in [0, 1].',
    }),
    std: Type.Tuple([Type.Number(above0), Type.Number(above0), Type.Number(above0)], {
      description: 'Standard deviations, likewise.',
    }),
    resize: Type.Enum(['bilinear', 'bicubic'], {
      description: 'Interpolation by which images of another size are brought to this one.',
    }),
    antialias: Type.Boolean({ description: "Smooth before shrinking, as PIL and torch's antialias=True do." }),
  },
  { ...closed, description: 'How images enter; default: that of the family. Generators have none.' },
);

/** How images enter an encoder. */
export type Input = Read<typeof inputSchema>;

/** What drives a generator, and what comes out. */
export interface Latent {
  /** Length of z, drawn from a standard normal distribution. */
  readonly z: number;
  /** How z is drawn under truncation: 'truncated' resamples beyond two standard deviations and scales (BigGAN), 'normal' does not. */
  readonly sampling: 'normal' | 'truncated';
  /** Classes of the condition; 0 for none. */
  readonly classes: number;
  /** Length of one w, and number of them in w+. */
  readonly w: number;
  readonly layers: number;
  /** Size of the images. */
  readonly height: number;
  readonly width: number;
  /** Truncation unless another is asked for, and its range. */
  readonly truncation: { readonly default: number; readonly least: number; readonly most: number };
}

/** Where the official file can be had. */
export interface Download {
  readonly url: string;
  /** Size and SHA-256 (lower-case hexadecimal: the whole digest, or its first 8 digits or more), where they are published. */
  readonly bytes?: number;
  readonly sha256?: string;
  /** Set when the file has to be downloaded by hand, with how. */
  readonly manual?: string;
}

const qualitySchema = Type.Object(
  {
    measure: text('What was measured, with its unit.'),
    value: Type.Number({ minimum: -far, maximum: far }),
    untrained: Type.Optional(
      Type.Number({ minimum: -far, maximum: far, description: 'The same of the architecture with fresh weights.' }),
    ),
  },
  closed,
);

/** One thing that was measured of a model, e.g. `{ measure: 'top-1, % of test photos', value: 90.5 }`. */
export type Quality = Read<typeof qualitySchema>;

const config = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  description: 'Settings of the builder that the checkpoint does not tell, e.g. {"heads": 3}.',
});
const taps = Type.Array(text('A layer; globs as in layer* are allowed.'), {
  minItems: 1,
  maxItems: 10_000,
  description: 'Layers whose units are mined; globs are allowed. Default: those of the family.',
});

/** JSON Schema of the card in a file beside its weights; docs/model-card.schema.json is a copy of it. */
export const cardSchema = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9_.+-]+$',
      description: 'Name of the model; it begins the names of its units: letters, digits and _ . + -',
    }),
    architecture: text('Family of the builder, e.g. resnet, vit, biggan-deep; or onnx.'),
    config: Type.Optional(config),
    task: text('What the network was trained to do.'),
    supervision: text('What supervised it: labels, text, nothing.'),
    data: text('What it was trained on.'),
    licence: text('Licence of the weights.'),
    source: text('Where the weights come from.'),
    paper: Type.Optional(text('Title, authors, venue.')),
    quality: Type.Optional(Type.Array(qualitySchema, { maxItems: 1000, description: 'How good it was found to be.' })),
    file: Type.Optional(text('File of the weights, relative to the card.')),
    input: Type.Optional(inputSchema),
    taps: Type.Optional(taps),
  },
  { ...closed, $id: 'rosetta-neurons/model-card', title: 'Model card' },
);

/** What a card may leave to the family and the checkpoint: the JSON beside a checkpoint, or an official model. */
export type PartialCard = Read<typeof cardSchema> & { readonly download?: Download };

type Identity = Omit<PartialCard, 'config' | 'taps' | 'input'> & Required<Pick<PartialCard, 'config' | 'taps'>>;

export interface EncoderCard extends Identity {
  readonly input: Input;
}

export interface GeneratorCard extends Identity {
  readonly latent: Latent;
}

/** Identity, preprocessing or latents of a model. */
export type ModelCard = EncoderCard | GeneratorCard;

export const isGeneratorCard = (card: ModelCard): card is GeneratorCard => 'latent' in card;
