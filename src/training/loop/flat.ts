// Many tensors as one row of numbers and back: small ones cost an engine more for being many than for their size.
// It knows neither weights nor optimisers.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/tensor.ts';

/** All numbers of the tensors, one after another, `[size]`; a single tensor stays as it is. */
export function joined(b: GraphBuilder, tensors: readonly Value[]): Value {
  if (tensors.length === 1) return tensors[0];
  return b.concat(
    tensors.map((tensor) => b.reshape(tensor, [sizeOf(tensor.shape)])),
    0,
  );
}

/** The tensors of these shapes, of which `row` was joined. */
export function parted(b: GraphBuilder, row: Value, shapes: readonly (readonly number[])[]): Value[] {
  if (shapes.length === 1) return [row];
  const parts = b.split(row, shapes.map(sizeOf), 0);
  return parts.map((part, i) => b.reshape(part, shapes[i]));
}
