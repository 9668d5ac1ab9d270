// A model card: what a model is, where it comes from, and how to build and feed it. Plain data, validated.
// It does not hold weights.

/** How images enter an encoder. */
export interface Input {
  readonly height: number;
  readonly width: number;
  /** Per channel, in RGB order, of values in [0, 1]. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** Interpolation by which images of another size are brought to this one. */
  readonly resize: 'bilinear' | 'bicubic';
  /** Smooth before shrinking, as PIL and torch's `antialias=True` do. */
  readonly antialias: boolean;
}

/** What drives a generator, and what comes out. */
export interface Latent {
  /** Length of z, drawn from a standard normal distribution. */
  readonly z: number;
  /** How z is drawn under truncation: 'truncated' resamples beyond two deviations and scales (BigGAN), 'normal' does not. */
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

/** One thing that was measured of a model, e.g. `{ measure: 'top-1, % of test photos', value: 90.5 }`. */
export interface Quality {
  /** What was measured, with its unit. */
  readonly measure: string;
  readonly value: number;
  /** The same of the architecture with fresh weights. */
  readonly untrained?: number;
}

interface Identity {
  readonly name: string;
  /** Family of the builder, e.g. 'resnet', 'vit'; 'onnx' for a file of the user's own. */
  readonly architecture: string;
  /** Settings of the builder, e.g. `{ depths: [3, 4, 6, 3] }`; what a checkpoint tells need not be repeated. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly task: string;
  readonly supervision: string;
  readonly data: string;
  readonly licence: string;
  readonly source: string;
  /** Title, authors, venue. */
  readonly paper?: string;
  /** How good it was found to be. */
  readonly quality?: readonly Quality[];
  /** File of the weights, relative to the card. */
  readonly file?: string;
  readonly download?: Download;
  /** Layers whose units are mined; a glob as in `layer*` is allowed. */
  readonly taps: readonly string[];
}

export interface EncoderCard extends Identity {
  readonly input: Input;
}

export interface GeneratorCard extends Identity {
  readonly latent: Latent;
}

/** Identity, preprocessing or latents of a model. */
export type ModelCard = EncoderCard | GeneratorCard;

/** What a card may leave to the family and the checkpoint: the JSON beside a checkpoint, or an official model. */
export type PartialCard = Omit<Identity, 'config' | 'taps'> &
  Partial<Pick<Identity, 'config' | 'taps'>> & { readonly input?: Input };

export const isGeneratorCard = (card: ModelCard): card is GeneratorCard => 'latent' in card;
