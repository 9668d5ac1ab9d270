// One pass over the images: runs the pass graph batch by batch and carries its sums from batch to batch.
// It decides nothing about scores; it can stop between two batches and go on later from what it saved.

import type { Tensor } from '../../graph/tensor.ts';
import type { Engine, Outputs, Session } from '../../runtime/engine.ts';
import type { BlockBatch } from './blocks.ts';
import type { Half, Moments } from './moments.ts';
import type { TileSums } from './neighbours.ts';
import { names, passGraph, passOn, type PassExtra, type PassGraphOptions } from './pass-graph.ts';
import type { ImageSource } from '../../images/source.ts';
import { required, present, lastOf } from '../../lookup.ts';
import { floats } from '../../graph/tensor.ts';

/** A set of images, and the models that have maps on it: encoders on all images, a generator on its own. */
export interface Part {
  readonly source: ImageSource;
  /** Number of its first sample among those of all parts. */
  readonly offset: number;
  /** Samples of each half, in the order in which they are taken. The second may be empty. */
  readonly halves: readonly (readonly number[])[];
  /** Models by index. */
  readonly models: readonly number[];
}

/** Which images a batch has: of which half of which part, and how many of that half come before them. */
export interface BatchPlace {
  readonly part: number;
  readonly half: Half;
  readonly start: number;
  readonly count: number;
}

/** What a pass gathers besides moments and products. */
export interface Gatherer extends PassExtra {
  feeds(place: BatchPlace): Record<string, Tensor>;
  take(outputs: Outputs['tensors'], place: BatchPlace): void;
}

export interface PassRunOptions extends Omit<PassGraphOptions, 'batch' | 'source' | 'present' | 'extra'> {
  readonly extra?: Gatherer;
  readonly engine: Engine;
  readonly parts: readonly Part[];
  readonly batch: number;
  /** Cuts samples into batches of up to `batch` images. */
  readonly batches: (source: ImageSource, samples: readonly number[], batch: number) => AsyncGenerator<BlockBatch>;
  /** By part and model index; undefined where a model has no maps. */
  readonly moments: readonly (readonly (Moments | undefined)[])[];
  /** Called for each batch with its samples, numbered over all parts, and their peaks by model index, `[n, units]`. */
  readonly onPeaks?: (indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>) => void;
}

/** Where a pass stands: in which half of which part, how many of its samples are consumed, and batches by part. */
export interface Cursor {
  readonly part: number;
  readonly half: Half;
  readonly position: number;
  /** Images of the half that were read. */
  readonly images: number;
  readonly batches: readonly number[];
}

export const startOf = (parts: readonly Part[]): Cursor => ({
  part: 0,
  half: 0,
  position: 0,
  images: 0,
  batches: parts.map(() => 0),
});

/** Images that a pass looks at in a part; 0 where it has nothing to do there. */
export const imagesIn = (pass: PassRunOptions['pass'], { models, halves }: Part, gathers = false): number => {
  const { tiles, moments, models: here } = passOn(pass, models);
  return tiles.length || moments.length || (gathers && here.length)
    ? halves.reduce((sum, half) => sum + half.length, 0)
    : 0;
};

type AfterBatch = (images: number) => Promise<void>;

/** The sums that a pass keeps: of which half, by which name, `[rows, columns]`. */
export function sumsOf({ pass, nullModel, parts }: Pick<PassRunOptions, 'pass' | 'nullModel' | 'parts'>) {
  const halves = ([0, 1] as const).filter((half) => parts.some((part) => part.halves[half]?.length));
  return pass.tiles.flatMap((tile, i) =>
    (nullModel ? [names.real(i), names.null(i)] : [names.real(i)]).flatMap((name) =>
      halves.map((half) => ({ half, name, shape: [tile.to - tile.from, tile.columns] })),
    ),
  );
}

export class PassRun {
  cursor: Cursor;
  readonly #options: PassRunOptions;
  /** Of the current part, by batch size. */
  readonly #sessions = new Map<number, Session>();
  /** By half: the sums as they stand, by input name, and the run that owns their memory. */
  readonly #sums: [Map<string, Tensor>, Map<string, Tensor>];
  readonly #owner: [Outputs | undefined, Outputs | undefined] = [undefined, undefined];

  constructor(options: PassRunOptions) {
    this.#options = options;
    this.cursor = startOf(options.parts);
    this.#sums = [new Map<string, Tensor>(), new Map<string, Tensor>()];
    for (const { half, name, shape } of sumsOf(options)) this.#sums[half].set(name, zeros(shape));
  }

  /** Runs to the end. @param afterBatch awaited after each batch, with the number of its images. */
  async run(afterBatch: AfterBatch): Promise<void> {
    const { parts, pass } = this.#options;
    for (let p = this.cursor.part; p < parts.length; p++) {
      if (!imagesIn(pass, parts[p], this.#options.extra !== undefined)) continue;
      try {
        for (const half of [0, 1] as const) {
          const { cursor } = this;
          const resumed = cursor.part === p;
          if (resumed && half < cursor.half) continue;
          this.#settle(half);
          const goesOn = resumed && half === cursor.half;
          if (!goesOn) this.cursor = { ...cursor, part: p, half, position: 0, images: 0 };
          const position = goesOn ? cursor.position : 0;
          await this.#runHalf(p, half, parts[p].halves[half] ?? [], position, afterBatch);
        }
      } finally {
        for (const session of this.#sessions.values()) await session.release();
        this.#sessions.clear();
      }
    }
  }

  /** Takes the sums out of the engine's memory, since the next graph may not carry all of them on. */
  #settle(half: Half): void {
    const owner = this.#owner[half];
    if (!owner) return;
    for (const [name, { shape, data }] of this.#sums[half]) {
      this.#sums[half].set(name, { dtype: 'float32', shape, data: data.slice() });
    }
    owner.dispose();
    this.#owner[half] = undefined;
  }

  async #runHalf(
    part: number,
    half: Half,
    samples: readonly number[],
    start: number,
    afterBatch: AfterBatch,
  ): Promise<void> {
    const place = new Map(samples.map((sample, i) => [sample, i]));
    const rest = samples.slice(start);
    const { parts, batch: size, batches } = this.#options;
    const iterator = batches(parts[part].source, rest, size);
    let next = iterator.next();
    try {
      for (;;) {
        const step = await next;
        if (step.done) break;
        const batch = step.value;
        // The next batch is decoded while this one is computed.
        next = iterator.next();
        next.catch(() => {});
        await this.#runBatch(part, half, batch);
        const position = required(place, lastOf(batch.indices), 'sample') + 1;
        const counts = this.cursor.batches.map((count, p) => (p === part ? count + 1 : count));
        this.cursor = { part, half, position, images: this.cursor.images + batch.count, batches: counts };
        await afterBatch(batch.count);
      }
    } finally {
      await next.catch(() => {});
      await iterator.return(undefined);
    }
  }

  async #runBatch(p: number, half: Half, batch: BlockBatch): Promise<void> {
    const { pass, moments, parts } = this.#options;
    const part = parts[p];
    const here = passOn(pass, part.models);
    const session = await this.#session(part, batch.count);
    const feeds: Record<string, Tensor> = { [names.samples]: batch.samples };
    const carried = here.tiles.flatMap(([i]) => [names.real(i), names.null(i)]);
    for (const name of carried) {
      const sums = this.#sums[half].get(name);
      if (sums) feeds[name] = sums;
    }
    if (this.#options.nullModel) feeds[names.permutation] = batch.permutation;
    const place = { part: p, half, start: this.cursor.images, count: batch.count };
    Object.assign(feeds, this.#options.extra?.feeds(place));
    const outputs = await session.run(feeds);
    const array = (name: string) => floats(outputs.tensors[name].data);

    for (const m of here.moments) {
      present(moments[p][m], 'moments').add(half, array(names.sum(m)), array(names.square(m)), batch.count);
    }
    this.#options.extra?.take(outputs.tensors, place);
    if (this.#options.peaks) {
      const indices = batch.indices.map((i) => part.offset + i);
      this.#options.onPeaks?.(indices, new Map(here.models.map((m) => [m, array(names.peak(m))])));
    }
    for (const name of carried) {
      if (this.#sums[half].has(name)) this.#sums[half].set(name, outputs.tensors[names.out(name)]);
    }
    this.#owner[half]?.dispose();
    this.#owner[half] = outputs;
  }

  async #session({ source, models: present }: Part, count: number): Promise<Session> {
    let session = this.#sessions.get(count);
    if (!session) {
      session = await this.#options.engine.open(passGraph({ ...this.#options, source, present, batch: count }));
      this.#sessions.set(count, session);
    }
    return session;
  }

  /** Sums of a tile. */
  sums(tile: number): TileSums {
    const get = (name: string, half: Half) => floats(this.#sums[half].get(name)?.data ?? new Float32Array(0));
    return {
      real: [get(names.real(tile), 0), get(names.real(tile), 1)],
      null: [get(names.null(tile), 0), get(names.null(tile), 1)],
    };
  }

  /** All sums, by a name that tells the half, for saving. */
  save(): Map<string, Tensor> {
    return new Map(
      this.#sums.flatMap((sums, half) =>
        [...sums].map(([name, tensor]): [string, Tensor] => [`${half}/${name}`, tensor]),
      ),
    );
  }

  /** Goes on from what `save` gave and the cursor of that moment. */
  restore(saved: ReadonlyMap<string, Tensor>, cursor: Cursor): void {
    this.cursor = cursor;
    this.#sums.forEach((sums, half) => {
      for (const name of sums.keys()) {
        const tensor = saved.get(`${half}/${name}`);
        if (tensor) sums.set(name, tensor);
      }
    });
  }

  /** Gives back the memory of the sums. */
  dispose(): void {
    for (const half of [0, 1] as const) {
      this.#owner[half]?.dispose();
      this.#owner[half] = undefined;
      this.#sums[half].clear();
    }
  }
}

/** Zeros that every pass begins with: engines only read what they are fed, so that one block serves all. */
let blank = new Float32Array(0);

function zeros(shape: readonly number[]): Tensor {
  const size = shape[0] * shape[1];
  if (blank.length < size) blank = new Float32Array(size);
  return { dtype: 'float32', shape, data: blank.subarray(0, size) };
}
