// Matrix products and Einstein sums in float64.
// Each is a plain sum of products over offsets.

import { array64, broadcastOffsets, broadcastShapes, offsetsOf, reshape, stridesOf, transpose } from './array.ts';
import type { Array64 } from './array.ts';
import type { Call, Rule } from './call.ts';

/** The product of [..., m, k] and [..., k, n], leading axes broadcast; vectors are a row on the left, a column on the right. */
function matmul(left: Array64, right: Array64): Array64 {
  const a = left.shape.length === 1 ? reshape(left, [1, ...left.shape]) : left;
  const b = right.shape.length === 1 ? reshape(right, [...right.shape, 1]) : right;
  const [rows, depth] = a.shape.slice(-2);
  const [depthB, columns] = b.shape.slice(-2);
  if (depth !== depthB) throw new Error(`${depth} columns do not fit ${depthB} rows`);
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  // Which matrix of each operand belongs to a matrix of the result.
  const matrixOf = (shape: readonly number[]) => broadcastOffsets(array64(shape.slice(0, -2)), batch);
  const aMatrix = matrixOf(a.shape);
  const bMatrix = matrixOf(b.shape);
  const out = new Float64Array(aMatrix.length * rows * columns);
  aMatrix.forEach((_, i) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          sum += a.data[(aMatrix[i] * rows + r) * depth + k] * b.data[(bMatrix[i] * depth + k) * columns + c];
        }
        out[(i * rows + r) * columns + c] = sum;
      }
    }
  });
  const rowAxis = left.shape.length === 1 ? [] : [rows];
  const columnAxis = right.shape.length === 1 ? [] : [columns];
  return array64([...batch, ...rowAxis, ...columnAxis], out);
}

/** alpha * A' B' + beta * C. */
function gemm(call: Call): Array64 {
  const side = (index: number, flag: string) =>
    call.int(flag, 0) ? transpose(call.input(index), [1, 0]) : call.input(index);
  const product = matmul(side(0, 'transA'), side(1, 'transB'));
  const alpha = call.float('alpha', 1);
  const beta = call.float('beta', 1);
  const c = call.inputs[2];
  const at = c && broadcastOffsets(c, product.shape);
  return array64(
    product.shape,
    product.data.map((value, i) => alpha * value + (c && at ? beta * c.data[at[i]] : 0)),
  );
}

/** Explicit or implicit form, without an ellipsis. A letter twice in a term means the diagonal. */
function einsum(call: Call): Array64 {
  const equation = call.string('equation').replaceAll(' ', '');
  if (equation.includes('.')) throw new Error('an ellipsis is not known here');
  const [left, right] = equation.split('->');
  const terms = left.split(',');
  const operands = call.all();
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    if (term.length !== operands[i]?.shape.length) throw new Error(`the term ${term} does not fit its operand`);
    [...term].forEach((letter, axis) => {
      const size = operands[i].shape[axis];
      if ((sizes.get(letter) ?? size) !== size) throw new Error(`the letter ${letter} has two sizes`);
      sizes.set(letter, size);
    });
  });
  const letters = [...sizes.keys()];
  const once = letters.filter((letter) => left.split(letter).length === 2).sort();
  const kept = right === undefined ? once : [...right];
  const summed = letters.filter((letter) => !kept.includes(letter));
  const shapeOf = (list: readonly string[]) => list.map((letter) => sizes.get(letter)!);
  const offsetsBy = (list: readonly string[]) =>
    operands.map((operand, i) => {
      const strides = stridesOf(operand.shape);
      const strideOf = (letter: string) =>
        strides.reduce((sum, stride, axis) => sum + (terms[i][axis] === letter ? stride : 0), 0);
      return offsetsOf(shapeOf(list), list.map(strideOf));
    });
  const keptOffsets = offsetsBy(kept);
  const summedOffsets = offsetsBy(summed);
  const out = array64(shapeOf(kept));
  for (let o = 0; o < out.data.length; o++) {
    for (let s = 0; s < summedOffsets[0].length; s++) {
      let product = 1;
      for (let i = 0; i < operands.length; i++) product *= operands[i].data[keptOffsets[i][o] + summedOffsets[i][s]];
      out.data[o] += product;
    }
  }
  return out;
}

export const linear: Readonly<Record<string, Rule>> = {
  MatMul: (call) => matmul(call.input(0), call.input(1)),
  Gemm: gemm,
  Einsum: einsum,
};
