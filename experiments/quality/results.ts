// What `npm run experiment quality` measures of a network, as docs/quality.json holds it and the cards read it.
// Nothing is measured here.

/** Shares that are right, of features of a length: of nearest neighbours, and of a linear probe. */
export interface Sorted {
  readonly length: number;
  readonly knn: number;
  readonly probe: number;
}

/** Images beside the test photos, in the judge's features. */
export interface ImageQuality {
  readonly images: number;
  readonly frechet: number;
  readonly precision: number;
  readonly recall: number;
  /** Share that the judge takes for the class asked for. */
  readonly accuracy?: number;
}

/** Of an encoder: by features; of a generator: of its samples. */
export interface Measured extends Partial<ImageQuality> {
  readonly features?: Readonly<Record<string, Sorted>>;
  readonly top1?: number;
  /** Of so many nouns, how often the own is the first, or among the first five; and the same of the commonest nouns. */
  readonly captions?: {
    readonly of: number;
    readonly at1: number;
    readonly at5: number;
    readonly commonest: readonly number[];
  };
}

/** What is kept of a network, trained and not, or of what it is compared with: raw pixels, training photos. */
export interface QualityEntry extends Measured {
  /** How many photos. */
  readonly train?: number;
  readonly test?: number;
  readonly trained?: Measured;
  readonly untrained?: Measured;
}

/** By name: the networks, `pixels` and `training photos`. */
export type Results = Record<string, QualityEntry | undefined>;
