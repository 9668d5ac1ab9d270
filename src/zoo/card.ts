// A model card: what a model is, where it comes from, and how to build and feed it. Plain data, validated.
// It does not hold weights.

/** Preprocessing and identity of a model; the JSON beside or instead of a checkpoint. */
export interface ModelCard {
  readonly name: string;
  /** Builder: 'resnet' (torchvision), 'cifar-resnet', or 'onnx' for a file of the user's own. */
  readonly architecture: string;
  /** Settings of the builder, e.g. `{ depths: [3, 4, 6, 3] }`; what a checkpoint tells need not be repeated. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly task: string;
  readonly supervision: string;
  readonly data: string;
  readonly licence: string;
  readonly source: string;
  /** File of the weights, relative to the card. */
  readonly file?: string;
  readonly input: {
    readonly height: number;
    readonly width: number;
    /** Per channel, in RGB order, of values in [0, 1]. */
    readonly mean: readonly [number, number, number];
    readonly std: readonly [number, number, number];
    /** Interpolation by which images of another size are brought to this one. */
    readonly resize: 'bilinear' | 'bicubic';
    /** Smooth before shrinking, as PIL and torch's `antialias=True` do. */
    readonly antialias: boolean;
  };
  /** Layers whose units are mined; a glob as in `layer*` is allowed. */
  readonly taps: readonly string[];
}
