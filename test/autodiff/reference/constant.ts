// Operators that make values of attributes, shapes or ranges.
// Random numbers are not among them: a reference has none.

import { array64, sequence, toArray64 } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

function constant({ node }: Call): Array64 {
  const [attribute] = Object.values(node.attributes);
  if (attribute && 'tensor' in attribute) return toArray64(attribute.tensor);
  if (attribute && 'float' in attribute) return array64([], [Math.fround(attribute.float)]);
  if (attribute && 'int' in attribute) return array64([], [attribute.int]);
  if (attribute && 'floats' in attribute) return array64([attribute.floats.length], attribute.floats.map(Math.fround));
  if (attribute && 'ints' in attribute) return array64([attribute.ints.length], attribute.ints);
  throw new Error('a constant of this kind is not known here');
}

function constantOfShape(call: Call): Array64 {
  const attribute = call.node.attributes.value;
  const value = attribute && 'tensor' in attribute ? toArray64(attribute.tensor).data[0] : 0;
  const out = array64([...call.input(0).data]);
  out.data.fill(value);
  return out;
}

/** Sizes from `start` to before `end`, both counted from the end if negative and clamped to what exists. */
function shapeOf(call: Call): Array64 {
  const { shape } = call.input(0);
  // The meaning of Array's slice is the same.
  const sizes = shape.slice(call.int('start', 0), call.int('end', shape.length));
  return array64([sizes.length], sizes);
}

function range(call: Call): Array64 {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.input(i).data[0]);
  const values = sequence(Math.max(0, Math.ceil((limit - start) / delta)), start, delta);
  return array64([values.length], values);
}

export const constants: Readonly<Record<string, Rule>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shapeOf,
  Size: (call) => array64([], [call.input(0).data.length]),
  Range: range,
};
