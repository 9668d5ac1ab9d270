// Shapes of products of matrices: MatMul, Gemm, Einsum, attention and the integer variants.
// Convolutions are in convolution.ts.

import { broadcast, compute, formatShape } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { expectEqual, ShapeError } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';

/** Shape of a product of stacks of matrices; 1-D operands are a row and a column, as in NumPy. */
function multiplied(call: Call, first = 0, second = 1): Dim[] | undefined {
  const a = call.shape(first);
  const b = call.shape(second);
  if (!a || !b) return undefined;
  const message = `${formatShape(a)} does not multiply with ${formatShape(b)}`;
  if (a.length === 0 || b.length === 0) throw new ShapeError(message);
  expectEqual(a.at(-1), b.at(b.length > 1 ? -2 : -1), message);
  const stack = broadcast(a.slice(0, -2), b.slice(0, -2));
  if (!stack) throw new ShapeError(message);
  return [...stack, ...(a.length > 1 ? [a[a.length - 2]] : []), ...(b.length > 1 ? [b[b.length - 1]] : [])];
}

const matmul: OperatorRule = (call) => [{ dtype: call.dtype(0), shape: multiplied(call) }];

const gemm: OperatorRule = (call) => {
  const dtype = call.dtype(0);
  const a = call.shape(0, 2);
  const b = call.shape(1, 2);
  if (!a || !b) return [{ dtype }];
  const [m, k] = call.int('transA', 0) ? [a[1], a[0]] : a;
  const [l, n] = call.int('transB', 0) ? [b[1], b[0]] : b;
  expectEqual(k, l, `${formatShape(a)} does not multiply with ${formatShape(b)}`);
  const c = call.shape(2);
  if (c && broadcast([m, n], c)?.length !== 2) {
    throw new ShapeError(`${formatShape(c)} does not broadcast to ${formatShape([m, n])}`);
  }
  return [{ dtype, shape: [m, n] }];
};

/** What is before a mark, and what is between it and the next one; undefined where there is no mark. */
export function around(text: string, mark: string): [before: string, after: string | undefined] {
  const [before, after] = text.split(mark);
  return [before, after];
}

function einsum(call: Call): Known[] {
  const dtype = call.dtype(0);
  const equation = call.string('equation', '').replaceAll(' ', '');
  const [left, right] = around(equation, '->');
  const terms = left.split(',');
  const shapes = call.inputs.map((_, i) => call.shape(i));
  if (terms.length !== shapes.length) throw new ShapeError(`"${equation}" does not have ${shapes.length} operands`);
  const sizes = new Map<string, Dim>();
  let ellipsis: readonly Dim[] = [];
  for (const [i, term] of terms.entries()) {
    const shape = shapes[i];
    if (!shape) return [{ dtype }];
    const [before, after] = around(term, '...');
    const named = before.length + (after?.length ?? 0);
    if (after === undefined ? named !== shape.length : named > shape.length) {
      throw new ShapeError(`operand ${i} of "${equation}" has the shape ${formatShape(shape)}`);
    }
    const rest = after === undefined ? [] : shape.slice(before.length, shape.length - after.length);
    const dims = [...shape.slice(0, before.length), ...shape.slice(shape.length - (after?.length ?? 0))];
    const stack = broadcast(ellipsis, rest);
    if (!stack) throw new ShapeError(`the ... of "${equation}" do not broadcast`);
    ellipsis = stack;
    [...(before + (after ?? ''))].forEach((letter, j) => {
      const dim = broadcast([sizes.get(letter) ?? 1], [dims[j]])?.[0];
      if (dim === undefined) throw new ShapeError(`sizes of ${letter} in "${equation}" differ`);
      sizes.set(letter, dim);
    });
  }
  // Without an arrow: the letters that occur once, in alphabetical order, after the ellipsis.
  const once = [...sizes.keys()].filter((letter) => left.split(letter).length === 2).sort();
  const result = right ?? (left.includes('...') ? '...' : '') + once.join('');
  const [before, after] = around(result, '...');
  const dimsOf = (letters: string) =>
    [...letters].map((letter) => {
      const size = sizes.get(letter);
      if (size === undefined) throw new ShapeError(`"${equation}" has no operand with ${letter}`);
      return size;
    });
  return [{ dtype, shape: [...dimsOf(before), ...(after === undefined ? [] : [...ellipsis, ...dimsOf(after)])] }];
}

const attention: OperatorRule = (call) => {
  const dtype = call.dtype(0);
  const q = call.shape(0);
  const v = call.shape(2);
  if (!q || !v || call.node.outputs.length > 1) return call.node.outputs.map(() => ({ dtype }));
  if (q.length === 4) return [{ dtype, shape: [q[0], q[1], q[2], v[3]] }];
  const [qHeads, vHeads] = [call.int('q_num_heads'), call.int('kv_num_heads')];
  return [{ dtype, shape: [q[0], q[1], compute((width) => (width / vHeads) * qHeads, v[2])] }];
};

export const linear: Record<string, OperatorRule> = {
  MatMul: matmul,
  Gemm: gemm,
  Einsum: einsum,
  Attention: attention,
  MatMulInteger: (call) => [{ dtype: 'int32', shape: multiplied(call) }],
  QLinearMatMul: (call) => [{ dtype: call.dtype(7), shape: multiplied(call, 0, 3) }],
  Det: (call) => [{ dtype: call.dtype(0), shape: call.shape(0)?.slice(0, -2) }],
};
