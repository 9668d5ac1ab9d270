// What a search leaves on its way: images of some steps, the loss and its terms of all, row by row.
// It is kept with a saved search, so that one that was taken up again tells its whole way.

import { UserError } from '../../errors.ts';
import { float32, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { toInterleaved, toPlanar } from '../../images/pixels.ts';
import type { Curve } from '../../report/synthesis/page.ts';
import type { StepProgress } from '../../synthesis/search/optimise.ts';

/** In a saved search these stand before the names of tensors. */
const [framesName, curvePrefix] = ['way/frames', 'curve/'];

export class SearchTrack {
  /** Interleaved bytes `[rows, height, width, 3]`. */
  readonly #frames: Uint8Array[] = [];
  #shape: readonly number[] = [];
  /** By name, one `[rows]` for each step. */
  readonly #curves = new Map<string, Float32Array[]>();

  /** @param every steps between two images; the first and the last step always have one. */
  constructor(readonly every: number) {}

  add(progress: StepProgress): void {
    const { done, total, loss, terms } = progress;
    // The sum of one term is that term again, but for its weight.
    const named = Object.keys(terms).length > 1 ? { loss, ...terms } : terms;
    for (const [name, values] of Object.entries(named)) {
      const curve = this.#curves.get(name);
      if (curve) curve.push(values);
      else this.#curves.set(name, [values]);
    }
    if (done !== 1 && done !== total && done % this.every !== 0) return;
    const { shape, data } = progress.images();
    const [rows, , height, width] = shape;
    this.#shape = [rows, height, width, 3];
    const size = data.length / rows;
    const bytes = new Uint8Array(data.length);
    for (let row = 0; row < rows; row++) {
      bytes.set(toInterleaved(data.subarray(row * size, (row + 1) * size)), row * size);
    }
    this.#frames.push(bytes);
  }

  /** Planar images of a row, RGB in [0, 1]. */
  frames(row: number): Float32Array[] {
    const size = sizeOf(this.#shape.slice(1));
    return this.#frames.map((bytes) => {
      const planar = new Float32Array(size);
      toPlanar(bytes.subarray(row * size, (row + 1) * size), planar);
      return planar;
    });
  }

  curves(row: number): Curve[] {
    return [...this.#curves].map(([name, values]) => ({
      name,
      values: values.map((rows, i) => [i + 1, rows[row]] as const),
    }));
  }

  tensors(): [string, Tensor][] {
    const joined = <Values extends Float32Array | Uint8Array>(parts: readonly Values[], out: Values): Values => {
      let at = 0;
      for (const part of parts) {
        out.set(part, at);
        at += part.length;
      }
      return out;
    };
    const size = sizeOf(this.#shape);
    const frames = joined(this.#frames, new Uint8Array(this.#frames.length * size));
    return [
      [framesName, { dtype: 'uint8', shape: [this.#frames.length, ...this.#shape], data: frames }],
      ...[...this.#curves].map(([name, values]): [string, Tensor] => {
        const shape = [values.length, values[0].length];
        return [`${curvePrefix}${name}`, float32(shape, joined(values, new Float32Array(sizeOf(shape))))];
      }),
    ];
  }

  /**
   * The track of a saved search.
   * @param rows of the search. @throws UserError when the tensors are none of it.
   */
  static from(tensors: ReadonlyMap<string, Tensor>, every: number, rows: number): SearchTrack {
    const track = new SearchTrack(every);
    const frames = tensors.get(framesName);
    const [count, ...shape] = frames?.shape ?? [];
    if (!(frames?.data instanceof Uint8Array) || !count || shape.length !== 4 || shape[0] !== rows || shape[3] !== 3) {
      throw new UserError(`"${framesName}" is not bytes [images, ${rows}, height, width, 3]`);
    }
    track.#shape = shape;
    track.#frames.push(...slices(frames.data, count));
    for (const [name, { shape, data }] of tensors) {
      if (!name.startsWith(curvePrefix)) continue;
      if (!(data instanceof Float32Array) || shape.length !== 2 || shape[1] !== rows) {
        throw new UserError(`"${name}" is not float32 [steps, ${rows}]`);
      }
      track.#curves.set(name.slice(curvePrefix.length), slices(data, shape[0]));
    }
    return track;
  }
}

interface Sliced<Values> {
  readonly length: number;
  slice(start: number, end: number): Values;
}

/** Equal parts of an array. */
function slices<Values extends Sliced<Values>>(values: Values, count: number): Values[] {
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => values.slice(i * size, (i + 1) * size));
}
