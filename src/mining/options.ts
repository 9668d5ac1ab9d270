// What mining is asked for. What follows from it is in planned.ts.

import type { Folder } from '../files/folder.ts';
import type { ImageSource } from '../images/source.ts';
import type { LongWork } from '../progress.ts';
import type { Engine } from '../runtime/engine.ts';
import type { Model } from '../zoo/model.ts';
import type { MineProgress } from './progress.ts';
import type { ThumbnailEncoder } from './run/exemplars.ts';

export interface MineOptions extends LongWork<MineProgress> {
  readonly engine: Engine;
  /** At least two, with different names. */
  readonly models: readonly Model[];
  /**
   * Photos, or samples of generators. Encoders see the images of all sources, a generator its own samples only; two
   * generators are not correlated with each other.
   */
  readonly images: ImageSource | readonly ImageSource[];
  /** Decides how images are split into halves and paired under the null, and the weights of twins. Default 0. */
  readonly seed?: number;
  /** Mutual nearest neighbours among how many; default 1. */
  readonly k?: number;
  /** With an anchor: among how many first choices of a chosen unit the anchor's unit must be; default 5, as in the paper. */
  readonly setK?: number;
  /**
   * Names of the anchor models, each of which makes its own sets; by default none: units that are pairwise mutual
   * neighbours in every model.
   */
  readonly anchors?: readonly string[];
  /** Also correlate each model with an untrained twin of itself. Default false. */
  readonly twins?: boolean;
  /** Controls by permuted images; default true. They need at least 16 images. */
  readonly nullModel?: boolean;
  /** The published code's score: cosines over batches of 10, averaged; no controls. Default false. */
  readonly reference?: boolean;
  /**
   * How scores are computed. exact: all pairs of units. screened: sketches of all, exact scores of what may be a neighbour;
   * its cost hardly grows with the number of pairs. auto (default): whichever is predicted to be cheaper.
   */
  readonly scores?: 'auto' | 'exact' | 'screened';
  /** Sets with at least this mean correlation between their units make one concept; default 0.5. */
  readonly conceptThreshold?: number;
  /** Keep the whole score matrices and write `scores.safetensors`. Default false. */
  readonly saveScores?: boolean;
  /**
   * Bytes for images, weights, maps and sums; default 1 GiB. The result does not depend on it, but that concepts are made
   * of the best sets only where thousands do not fit, which `onNote` tells, and that sketches of screened scores are as
   * wide as it allows: how many units are unsure, and q-values, depend on that.
   */
  readonly memory?: number;
  /**
   * Images of a batch, rounded down to a multiple of four, four at least; by default as many as memory allows.
   * The result does not depend on it.
   */
  readonly batch?: number;
  /** Where the run is written; by default nowhere. A run in it that was interrupted goes on. */
  readonly folder?: Folder;
  /** Seconds between savings of an unfinished run; default 30, 0 for every batch. */
  readonly saveEvery?: number;
  /**
   * An unfinished run in the folder whose weights or images have changed since begins anew; by default that is an error.
   */
  readonly restart?: boolean;
  /** Encodes the report's thumbnails; without it there are no exemplars. */
  readonly thumbnails?: ThumbnailEncoder;
  /** Images shown for each Rosetta set; default 6. */
  readonly exemplarsPerSet?: number;
  /** Time stamp written into the dictionary; default: now. */
  readonly created?: Date;
}
