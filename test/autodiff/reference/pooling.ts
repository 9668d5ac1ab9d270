// Pooling in float64, of any number of spatial axes.
// Where the windows look is in window.ts.

import { sizeOf } from '../../../src/graph/tensor.ts';
import { array64 } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';
import { beyond, lookups, slide } from './window.ts';

/** `visit` gets the window's flat indices in x (negative: no element there) and the flat index in the output. */
function pool(call: Call, visit: (x: Array64, looks: readonly number[], at: number) => void): number[] {
  const x = call.input(0);
  const kernel = call.ints('kernel_shape');
  if (!kernel) throw new Error('the attribute kernel_shape is missing');
  const spatial = x.shape.slice(2);
  const { window, places } = slide(call, spatial, kernel);
  const table = lookups(window, spatial, places);
  const taps = sizeOf(kernel);
  const pixels = sizeOf(spatial);
  const outPixels = sizeOf(places);
  for (let plane = 0; plane < x.shape[0] * x.shape[1]; plane++) {
    for (let p = 0; p < outPixels; p++) {
      const looks = Array.from(table.subarray(p * taps, (p + 1) * taps), (at) => (at < 0 ? at : plane * pixels + at));
      visit(x, looks, plane * outPixels + p);
    }
  }
  return [...x.shape.slice(0, 2), ...places];
}

function maxPool(call: Call): Array64[] {
  if (call.int('storage_order', 0) !== 0) throw new Error('column-major indices are not known here');
  const values: number[] = [];
  const indices: number[] = [];
  const shape = pool(call, (x, looks, at) => {
    let best = -1;
    for (const look of looks) if (look >= 0 && (best < 0 || x.data[look] > x.data[best])) best = look;
    values[at] = best < 0 ? -Infinity : x.data[best];
    indices[at] = best;
  });
  return [array64(shape, values), array64(shape, indices)];
}

/** Padding counts as zeros where `count_include_pad` says so; what lies beyond it never counts. */
function averagePool(call: Call): Array64 {
  const countPadding = call.int('count_include_pad', 0) === 1;
  const values: number[] = [];
  const shape = pool(call, (x, looks, at) => {
    const inside = looks.filter((look) => look >= 0);
    const count = countPadding ? looks.filter((look) => look !== beyond).length : inside.length;
    values[at] = inside.reduce((sum, look) => sum + x.data[look], 0) / count;
  });
  return array64(shape, values);
}

const globalPool =
  (reduce: (values: Float64Array) => number): Rule =>
  (call) => {
    const x = call.input(0);
    const pixels = sizeOf(x.shape.slice(2));
    const out = array64(x.shape.map((size, axis) => (axis < 2 ? size : 1)));
    for (let i = 0; i < out.data.length; i++) out.data[i] = reduce(x.data.subarray(i * pixels, (i + 1) * pixels));
    return out;
  };

export const pooling: Readonly<Record<string, Rule>> = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalPool((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  GlobalMaxPool: globalPool((values) => values.reduce((best, value) => Math.max(best, value), -Infinity)),
};
