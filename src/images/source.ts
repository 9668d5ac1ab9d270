// Where images come from, as those who compute see it: numbered samples that can be asked for in any order, again.
// A folder of photos is one, a generator can be another.

/** An image that could not be read, and why. */
export interface Unreadable {
  readonly name: string;
  readonly reason: string;
}

/** A batch of images that could be read. */
export interface ImageBatch {
  /** Which samples these are, in the order asked for, without the unreadable ones. */
  readonly indices: readonly number[];
  /** `[n, 3, height, width]`, RGB in [0, 1]. Valid until the next batch is asked for. */
  readonly data: Float32Array;
}

export interface ImageSource {
  /** For people: the name of the folder, archive or generator. */
  readonly source: string;
  /** Names of all samples. */
  readonly names: readonly string[];
  readonly height: number;
  readonly width: number;
  /** What could not be read so far, by name. */
  readonly unreadable: readonly Unreadable[];
  /** The samples of `indices`, in order, `size` at a time; unreadable ones are left out, so only the last is short. */
  batches(indices: readonly number[], size: number): AsyncIterable<ImageBatch>;
}
