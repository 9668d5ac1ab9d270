// Where images come from, as those who compute see it: numbered samples that can be asked for in any order, again.
// A folder of photos is one; a generator, whose samples are latents, is another.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Generator } from '../zoo/model.ts';

/** An image that could not be read, and why. */
export interface Unreadable {
  readonly name: string;
  readonly reason: string;
}

/** Size in bytes, and time of the last change in milliseconds, of the file that an image is in. */
export interface FileStamp {
  readonly size: number;
  readonly time: number;
}

/** Tells whether the images that were read have changed since. */
export interface Prints {
  /** By number of the sample, 64 bits of a hash of its encoded bytes; 0 until it is read. */
  readonly digests: BigInt64Array;
  /** `[samples, 2]`: size and time of their files, from just before they were first read; 0 until then and where not known. */
  readonly stamps: Float64Array;
  /** Of its file as it is now; undefined when it is gone, or not known. */
  stamp(index: number): Promise<FileStamp | undefined>;
  /** As in `digests`, of the bytes that are there now; 0 when they cannot be read. */
  digest(index: number): Promise<bigint>;
}

/** A batch of samples that could be read. */
export interface ImageBatch {
  /** Which samples these are, in the order asked for, without the unreadable ones. */
  readonly indices: readonly number[];
  /** `[n, 3, height, width]`, RGB in [0, 1]; of generated images, their latents. Valid until the next batch is asked for. */
  readonly data: Float32Array;
}

/** What samples become in a graph. */
export interface AddedSamples {
  /** `[n, 3, height, width]`, RGB in [0, 1]. */
  readonly images: Value;
  /** The maps of a generator on these samples, by layer; undefined when they are not its own. */
  maps(generator: Generator): ReadonlyMap<string, Value> | undefined;
}

export interface ImageSource {
  /** For people: the name of the folder, archive or generator. */
  readonly source: string;
  /** Names of all samples. */
  readonly names: readonly string[];
  /** Which of them are used, in increasing order; default all. */
  readonly samples?: readonly number[];
  readonly height: number;
  readonly width: number;
  /** Bytes that reading may take, of the memory of those who compute; default none worth counting. */
  readonly memory?: number;
  /** What could not be read so far, by name. */
  readonly unreadable: readonly Unreadable[];
  /** The samples of `indices`, in order, `size` at a time; unreadable ones are left out, so only the last is short. */
  batches(indices: readonly number[], size: number): AsyncIterable<ImageBatch>;
  /** Of images in files. */
  readonly prints?: Prints;
  /** Of samples that are not images themselves: the shape of one, and how they become images in a graph. */
  readonly generated?: {
    readonly generator: Generator;
    readonly shape: readonly number[];
    addTo(b: GraphBuilder, samples: Value): AddedSamples;
    /** How samples can be made again: facts for the dictionary. */
    readonly recipe: SampleRecipe;
    /** z `[n, latent.z]`, class (or undefined) of samples. */
    latents(indices: readonly number[]): {
      readonly z: Float32Array;
      readonly classes: readonly (number | undefined)[];
    };
  };
}

/** With a generator and a sample's number, all that its image depends on. */
export interface SampleRecipe {
  readonly generator: string;
  readonly seed: number;
  readonly truncation: number;
  /** Classes that samples are drawn from; null where the generator has none. */
  readonly classes: readonly number[] | null;
  readonly noise: 'const' | 'none';
}

/** Shape of one sample's data. */
export const sampleShape = ({ generated, height, width }: ImageSource): readonly number[] =>
  generated?.shape ?? [3, height, width];

/** Numbers of the samples that are used. */
export const samplesOf = ({ samples, names }: ImageSource): readonly number[] => samples ?? names.map((_, i) => i);

/** Lays samples `[n, ...sampleShape]` into a graph. */
export const addSamples = (b: GraphBuilder, { generated }: ImageSource, samples: Value): AddedSamples =>
  generated?.addTo(b, samples) ?? { images: samples, maps: () => undefined };
