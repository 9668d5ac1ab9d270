// One pass over the images: runs the pass graph batch by batch and carries its sums from batch to batch.
// It decides nothing about scores; it can stop between two batches and go on later from what it saved.

import type { Tensor } from '../graph/tensor.ts';
import type { Engine, Outputs, Session } from '../runtime/engine.ts';
import type { BlockBatch } from './blocks.ts';
import type { Half, Moments } from './moments.ts';
import type { TileSums } from './neighbours.ts';
import { names, passGraph, type PassGraphOptions } from './pass-graph.ts';
import type { ImageSource } from '../images/source.ts';

export interface PassRunOptions extends Omit<PassGraphOptions, 'batch'> {
  readonly engine: Engine;
  readonly source: ImageSource;
  /** Samples of each half, in the order in which they are taken. The second may be empty. */
  readonly halves: readonly (readonly number[])[];
  readonly batch: number;
  /** Cuts samples into batches of up to `batch` images. */
  readonly batches: (source: ImageSource, samples: readonly number[], batch: number) => AsyncGenerator<BlockBatch>;
  /** By model index. */
  readonly moments: readonly Moments[];
  /** Called for each batch with the peaks, by model index `[n, units]`, if the graph gives them. */
  readonly onPeaks?: (indices: readonly number[], peaks: ReadonlyMap<number, Float32Array>) => void;
}

/** Where a pass stands: how much of each half's samples it has consumed, and the number of batches. */
export interface Cursor {
  readonly half: Half;
  readonly position: number;
  readonly batches: number;
}

export class PassRun {
  cursor: Cursor = { half: 0, position: 0, batches: 0 };
  readonly #options: PassRunOptions;
  readonly #sessions = new Map<number, Session>();
  /** By half: the sums as they stand, by input name, and the run that owns their memory. */
  readonly #sums: [Map<string, Tensor>, Map<string, Tensor>];
  readonly #owner: [Outputs | undefined, Outputs | undefined] = [undefined, undefined];

  constructor(options: PassRunOptions) {
    this.#options = options;
    this.#sums = [new Map<string, Tensor>(), new Map<string, Tensor>()];
    options.pass.tiles.forEach((tile, i) => {
      const shape = [tile.to - tile.from, tile.columns];
      for (const name of options.nullModel ? [names.real(i), names.null(i)] : [names.real(i)]) {
        options.halves.forEach((samples, half) => {
          if (samples.length) this.#sums[half].set(name, zeros(shape));
        });
      }
    });
  }

  /** Runs to the end, yielding the number of images done after each batch. */
  async *run(): AsyncGenerator<number> {
    const { halves } = this.#options;
    try {
      for (let half = this.cursor.half; half < halves.length; half++) {
        const position = half === this.cursor.half ? this.cursor.position : 0;
        yield* this.#runHalf(half, halves[half], position);
      }
    } finally {
      for (const session of this.#sessions.values()) await session.release();
      this.#sessions.clear();
    }
  }

  async *#runHalf(half: Half, samples: readonly number[], start: number): AsyncGenerator<number> {
    const place = new Map(samples.map((sample, i) => [sample, i]));
    const rest = samples.slice(start);
    const { source, batch: size, batches } = this.#options;
    const iterator = batches(source, rest, size);
    let next = iterator.next();
    try {
      for (;;) {
        const step = await next;
        if (step.done) break;
        const batch = step.value;
        // The next batch is decoded while this one is computed.
        next = iterator.next();
        next.catch(() => {});
        await this.#runBatch(half, batch);
        const position = place.get(batch.indices.at(-1)!)! + 1;
        this.cursor = { half, position, batches: this.cursor.batches + 1 };
        yield batch.count;
      }
    } finally {
      await next.catch(() => {});
      await iterator.return(undefined);
    }
  }

  async #runBatch(half: Half, batch: BlockBatch): Promise<void> {
    const { pass, moments } = this.#options;
    const session = await this.#session(batch.count);
    const feeds: Record<string, Tensor> = { ...Object.fromEntries(this.#sums[half]), [names.images]: batch.images };
    if (this.#options.nullModel) feeds[names.permutation] = batch.permutation;
    const outputs = await session.run(feeds);
    const array = (name: string) => outputs.tensors[name].data as Float32Array;

    for (const m of pass.moments) moments[m].add(half, array(names.sum(m)), array(names.square(m)), batch.count);
    if (this.#options.peaks) {
      this.#options.onPeaks?.(batch.indices, new Map(pass.models.map((m) => [m, array(names.peak(m))])));
    }
    for (const name of this.#sums[half].keys()) this.#sums[half].set(name, outputs.tensors[names.out(name)]);
    this.#owner[half]?.dispose();
    this.#owner[half] = outputs;
  }

  async #session(count: number): Promise<Session> {
    let session = this.#sessions.get(count);
    if (!session) {
      session = await this.#options.engine.open(passGraph({ ...this.#options, batch: count }));
      this.#sessions.set(count, session);
    }
    return session;
  }

  /** Sums of a tile. */
  sums(tile: number): TileSums {
    const get = (name: string, half: Half) => (this.#sums[half].get(name)?.data as Float32Array) ?? new Float32Array(0);
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

const zeros = (shape: readonly number[]): Tensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape[0] * shape[1]),
});
