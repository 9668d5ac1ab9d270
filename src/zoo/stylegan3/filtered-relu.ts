// The filtered leaky ReLU of StyleGAN3: up-sampling, nonlinearity, clamp, down-sampling, as short depthwise convolutions.
// How the filters fall into phases is in polyphase.ts.

import { UserError } from '../../errors.ts';
import { float, int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32 } from '../../graph/tensor.ts';
import { polyphase, type Polyphase } from './polyphase.ts';
import type { Weights } from '../weights.ts';

export interface FilteredReluSettings {
  readonly up: number;
  readonly down: number;
  /** Left, right, top, bottom, at the rate after zero insertion; negative numbers crop. */
  readonly padding: readonly [number, number, number, number];
  /** Slope of the negative side; 1 leaves the nonlinearity out. */
  readonly slope: number;
  readonly gain: number;
  /** Bound of absolute values; null for none. */
  readonly clamp: number | null;
}

/** A filtered leaky ReLU for maps of one size. */
export interface FilteredRelu {
  readonly settings: FilteredReluSettings;
  readonly rows: Polyphase;
  readonly columns: Polyphase;
  /** The first filter, and the second: separable `[taps]` or `[taps, taps]`. */
  readonly rise: Float32Array;
  readonly fall: Float32Array;
  readonly separable: boolean;
}

/** A depthwise kernel, the same for all channels: rows, columns, values in row-major order. */
type Kernel = readonly [number, number, readonly number[]];

/**
 * Plans the operation from the filters `NAME.up_filter` and `NAME.down_filter`; where a factor is 1 there may be none.
 * @param size height and width of the maps that come in.
 * @throws UserError for a missing filter, and for shapes and paddings that no network of the official code has.
 */
export function planFilteredRelu(
  weights: Weights,
  name: string,
  [height, width]: readonly [number, number],
  settings: FilteredReluSettings,
): FilteredRelu {
  const { up, down, padding } = settings;
  const filter = (key: string, factor: number) => {
    const full = `${name}.${key}`;
    if (factor === 1 && !weights.has(full)) return { values: Float32Array.of(1), shape: [1] };
    return { values: weights.values(full), shape: weights.shape(full) };
  };
  const rise = filter('up_filter', up);
  const fall = filter('down_filter', down);
  const separable = fall.shape.length === 1;
  if (rise.shape.length !== 1 || !(separable || (fall.shape.length === 2 && fall.shape[0] === fall.shape[1]))) {
    throw new UserError(
      `the filters of ${name} in ${weights.owner} have the shapes [${rise.shape.join(', ')}] and [${fall.shape.join(', ')}]; [taps], and for the second [taps] or [taps, taps], are expected`,
    );
  }
  const axis = (size: number, pads: readonly [number, number]): Polyphase => {
    const result = polyphase({ size, up, down, padding: pads, upTaps: rise.shape[0], downTaps: fall.shape[0] });
    if (result.outSize > 0) return result;
    throw new UserError(
      `the layer ${name} of ${weights.owner} has no pixels left of ${size} with the padding ${pads.join(', ')}`,
    );
  };
  return {
    settings,
    rows: axis(height, [padding[2], padding[3]]),
    columns: axis(width, [padding[0], padding[1]]),
    rise: rise.values,
    fall: fall.values,
    separable,
  };
}

/** Pixels at the top, left, bottom and right of the maps that have no influence: they need not be made. */
export const unusedBorder = ({ rows, columns }: FilteredRelu): number[] =>
  [rows.margin[0], columns.margin[0], rows.margin[1], columns.margin[1]].map((margin) => Math.max(0, -margin));

/**
 * Adds the operation: zero insertion, padding, first filter with the gain up^2, leaky ReLU with its gain, clamp, second
 * filter, decimation. Source: Karras et al., "Alias-Free Generative Adversarial Networks", 2021, and `filtered_lrelu` of
 * the official code.
 *
 * Each of the up^2 phases of the up-sampled map is made, and goes into the output, by itself: engines run depthwise
 * convolutions of a few taps several times faster than products with banded matrices, and maps with inserted zeros,
 * which are four to sixteen times as large, are never made.
 * @param x maps without the unused border.
 * @param name of the layer, for the names of constants.
 */
export function filteredRelu(b: GraphBuilder, x: Value, weights: Weights, name: string, plan: FilteredRelu): Value {
  const { rows, columns, settings, separable } = plan;
  const channels = x.shape[1];
  const [top, bottom, left, right] = [...rows.margin, ...columns.margin].map((margin) => Math.max(0, margin));

  const depthwise = (v: Value, key: string, [height, width, values]: Kernel, pads = [0, 0, 0, 0]): Value => {
    if (values.length === 1 && values[0] === 1 && pads.every((pad) => pad === 0)) return v;
    const kernel = weights.derived(b, `${name}:${key}`, () => {
      const data = new Float32Array(channels * values.length);
      for (let c = 0; c < channels; c++) data.set(values, c * values.length);
      return float32([channels, 1, height, width], data);
    });
    return b.conv(v, kernel, undefined, { pads, group: channels });
  };
  const nonlinearity = (v: Value): Value => {
    const { slope, clamp } = settings;
    const y = slope === 1 ? v : b.op('LeakyRelu', [v], { alpha: float(slope) })[0];
    return clamp === null ? y : b.clip(y, -clamp, clamp);
  };
  const sum = (a: Value | undefined, term: Value): Value => (a ? b.add(a, term) : term);

  const row = (values: number[]): Kernel => [1, values.length, values];
  const column = (values: number[]): Kernel => [values.length, 1, values];
  // The leaky ReLU lets a positive factor through: its gain is that of the first filter.
  const rise = (window: Window, gain: number) => window.map((tap) => gain * flipped(plan.rise, tap));
  const fall = (window: Window) => window.map((tap) => flipped(plan.fall, tap));

  const phases: Value[][] = rows.fall.map(() => []);
  columns.rise.forEach((columnWindow, px) => {
    const wide = depthwise(x, `rise:${px}`, row(rise(columnWindow, settings.up * settings.gain)), [0, left, 0, right]);
    const narrow: Value[] = [];
    rows.rise.forEach((rowWindow, py) => {
      const part = nonlinearity(
        depthwise(wide, `rise:${py}:rows`, column(rise(rowWindow, settings.up)), [top, 0, bottom, 0]),
      );
      rows.fall.forEach((rowFall, oy) => {
        if (separable) {
          narrow[oy] = sum(narrow[oy], depthwise(part, `fall:${oy}:${py}:rows`, column(fall(rowFall[py]))));
        } else {
          columns.fall.forEach((columnFall, ox) => {
            const kernel = square(plan.fall, rowFall[py], columnFall[px]);
            phases[oy][ox] = sum(phases[oy][ox], depthwise(part, `fall:${oy}:${py}:${ox}:${px}`, kernel));
          });
        }
      });
    });
    narrow.forEach((part, oy) => {
      columns.fall.forEach((columnFall, ox) => {
        const kernel = row(fall(columnFall[px]));
        phases[oy][ox] = sum(phases[oy][ox], depthwise(part, `fall:${ox}:${px}`, kernel));
      });
    });
  });
  return interleaved(b, phases, rows.outSize, columns.outSize);
}

type Window = readonly (number | undefined)[];

const flipped = (filter: Float32Array, tap: number | undefined): number =>
  tap === undefined ? 0 : filter[filter.length - 1 - tap];

/** Taps of a filter `[taps, taps]` for a window of rows and one of columns. */
function square(filter: Float32Array, rows: Window, columns: Window): Kernel {
  const taps = Math.sqrt(filter.length);
  const at = (y: number | undefined, x: number | undefined) =>
    flipped(filter, y === undefined || x === undefined ? undefined : y * taps + x);
  return [rows.length, columns.length, rows.flatMap((y) => columns.map((x) => at(y, x)))];
}

/** One map of the phases of its rows and columns, cut to size. */
function interleaved(b: GraphBuilder, phases: readonly (readonly Value[])[], height: number, width: number): Value {
  const factor = phases.length;
  if (factor === 1) return phases[0][0];
  const stacked = b.concat(phases.flat(), 1);
  const [whole] = b.op('DepthToSpace', [stacked], { blocksize: int(factor) });
  if (whole.shape[2] === height && whole.shape[3] === width) return whole;
  return b.slice(whole, { axes: [2, 3], starts: [0, 0], ends: [height, width] });
}
