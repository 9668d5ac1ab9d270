// Operators to try: what they are fed, and how many of them are put into one graph and run on both sides.
// The tables of cases are in the files beside this one.

import { GraphBuilder } from '../../../src/graph/builder.ts';
import type { Value } from '../../../src/graph/builder.ts';
import type { Attribute, Graph } from '../../../src/graph/graph.ts';
import { fromNumbers, int64, sizeOf } from '../../../src/graph/tensor.ts';
import type { DType, Tensor } from '../../../src/graph/tensor.ts';
import { randomAt } from '../../../src/random.ts';

/** Fed when the graph is run, or part of it, or left out. */
export type Operand = Tensor | { readonly constant: Tensor } | undefined;

export interface Case {
  readonly op: string;
  readonly inputs: readonly Operand[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: number;
}

export const test = (
  op: string,
  inputs: readonly Operand[],
  attributes: Readonly<Record<string, Attribute>> = {},
  outputs = 1,
): Case => ({ op, inputs, attributes, outputs });

let drawn = 0;

/** The next number in [0, 1) of a fixed sequence. */
export const random = (): number => randomAt(20, drawn++);

/** An integer from `low` to `high`, both included. */
export const integer = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));

export const choose = <T>(items: readonly T[]): T => items[integer(0, items.length - 1)];

const numbers = (shape: readonly number[], next: () => number) => Array.from({ length: sizeOf(shape) }, next);

/** Numbers between `low` and `high`. */
export const between = (low: number, high: number, ...shape: number[]): Tensor =>
  fromNumbers(
    'float32',
    shape,
    numbers(shape, () => low + random() * (high - low)),
  );

/** Numbers between -2 and 2. */
export const f = (...shape: number[]): Tensor => between(-2, 2, ...shape);

/** Integers from `low` to `high`. */
export const integers = (dtype: DType, low: number, high: number, ...shape: number[]): Tensor =>
  fromNumbers(
    dtype,
    shape,
    numbers(shape, () => integer(low, high)),
  );

export const bools = (...shape: number[]): Tensor => integers('bool', 0, 1, ...shape);

/** Constants, of which shapes may depend. */
export const list = (...values: number[]) => ({ constant: int64(values) });
export const scalar = (value: number, dtype: DType = 'int64') => ({ constant: fromNumbers(dtype, [], [value]) });
export const floatList = (...values: number[]) => ({ constant: fromNumbers('float32', [values.length], values) });

/** One graph of all cases. Output j of case i is called `i/j`. */
export function graphOf(cases: readonly Case[], opset?: number): { graph: Graph; feeds: Record<string, Tensor> } {
  const b = new GraphBuilder({ opset });
  const feeds: Record<string, Tensor> = {};
  cases.forEach(({ op, inputs, attributes, outputs }, i) => {
    const values = inputs.map((operand, j): Value | undefined => {
      if (!operand || 'constant' in operand) return operand && b.constant(operand.constant);
      feeds[`${i}<${j}`] = operand;
      return b.input(`${i}<${j}`, operand.shape, operand.dtype);
    });
    const made = b.op(op, values, attributes, { name: `${i} ${op}`, outputs });
    made.forEach((value, j) => b.output(value, `${i}/${j}`));
  });
  return { graph: b.build(), feeds };
}
