// Gradients of products of matrices and of Einstein sums, which are such products again.
// Convolutions are in convolution/.

import { string } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { around } from '../../graph/operators/linear.ts';
import { sizeOf } from '../../graph/tensor.ts';
import { lastOf, required } from '../../lookup.ts';
import { GradientError, ruleOf } from '../rule.ts';
import type { GradientRules } from '../rule.ts';
import { expandTo, reshapeTo, sumTo } from '../values.ts';

/** A stack of matrices as one, its leading axes one below the other. */
const stacked = (b: GraphBuilder, x: Value): Value => reshapeTo(b, x, [sizeOf(x.shape.slice(0, -1)), lastOf(x.shape)]);

/** Each matrix of a stack transposed. */
function transposed(b: GraphBuilder, x: Value): Value {
  const last = x.shape.length - 1;
  return b.transpose(x, [...Array(last - 1).keys(), last, last - 1]);
}

const matmul = ruleOf(2, (b, at, [dy]) => {
  const [left, right] = at.x;
  // Vectors are a row on the left and a column on the right, whose axes the result lacks.
  const a = left.shape.length > 1 ? left : b.reshape(left, [1, ...left.shape]);
  const c = right.shape.length > 1 ? right : b.reshape(right, [...right.shape, 1]);
  const stack = dy.shape.slice(0, dy.shape.length - +(a === left) - +(c === right));
  const g = reshapeTo(b, dy, [...stack, a.shape[a.shape.length - 2], lastOf(c.shape)]);
  // One right operand for all: a single product, over the whole stack.
  const single = c.shape.length === 2;
  const da = () =>
    single ? b.gemm(stacked(b, g), c, undefined, { transB: true }) : sumTo(b, b.matmul(g, transposed(b, c)), a.shape);
  const dc = () =>
    single
      ? b.gemm(stacked(b, a), stacked(b, g), undefined, { transA: true })
      : sumTo(b, b.matmul(transposed(b, a), g), c.shape);
  return [
    at.wants(0) ? reshapeTo(b, da(), left.shape) : undefined,
    at.wants(1) ? reshapeTo(b, dc(), right.shape) : undefined,
  ];
});

const gemm = ruleOf(2, (b, at, [dy]) => {
  const { call } = at;
  const [a, c, bias] = at.x;
  const [transA, transB] = [call.int('transA', 0) === 1, call.int('transB', 0) === 1];
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
  const product = (left: Value, right: Value, transLeft: boolean, transRight: boolean) =>
    b.gemm(left, right, undefined, { transA: transLeft, transB: transRight, alpha });
  const da = () => (transA ? product(c, dy, transB, true) : product(dy, c, false, !transB));
  const dc = () => (transB ? product(dy, a, true, transA) : product(a, dy, !transA, false));
  const dbias = ({ shape }: Value) => {
    const sum = sumTo(b, dy, shape);
    return beta === 1 ? sum : b.mul(sum, beta);
  };
  return [
    at.wants(0) ? da() : undefined,
    at.wants(1) ? dc() : undefined,
    bias && at.wants(2) ? dbias(bias) : undefined,
  ];
});

const einsum = ruleOf('all', (b, at, [dy]) => {
  const { call, x } = at;
  const equation = call.string('equation', '').replaceAll(/\s/g, '');
  const [left, result] = around(equation, '->');
  const terms = left.split(',');
  if (result === undefined || equation.includes('.')) {
    throw new GradientError(`"${equation}" must name all indices, those of the result after "->"`);
  }
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    if (new Set(term).size < term.length) throw new GradientError(`"${term}" in "${equation}" repeats an index`);
    [...term].forEach((letter, axis) => {
      const size = x[i].shape[axis];
      if ((sizes.get(letter) ?? size) !== size) throw new GradientError(`"${letter}" in "${equation}" has two sizes`);
      sizes.set(letter, size);
    });
  });
  return terms.map((term, i) => {
    if (!at.wants(i)) return undefined;
    const others = terms.flatMap((other, k) => (k === i ? [] : [{ term: other, value: x[k] }]));
    const from = [{ term: result, value: dy }, ...others];
    // An index that only this operand has was summed: the gradient is the same all along it.
    const present = [...term].filter((letter) => from.some((other) => other.term.includes(letter)));
    const sum = `${from.map((other) => other.term).join()}->${present.join('')}`;
    const [product] = b.op(
      'Einsum',
      from.map((other) => other.value),
      { equation: string(sum) },
    );
    const kept = [...term].map((letter) => (present.includes(letter) ? required(sizes, letter, 'index') : 1));
    return expandTo(b, reshapeTo(b, product, kept), x[i].shape);
  });
});

export const linear: GradientRules = {
  /** y = a c: da = dy c', dc = a' dy, summed over the axes of the stack along which an operand is repeated. */
  MatMul: matmul,
  /** y = alpha a c + beta bias: da = alpha dy c', dc = alpha a' dy, dbias = beta dy; transposed where the operand is. */
  Gemm: gemm,
  /** "ij,jk->ik": da is "ik,jk->ij" of dy and c; an operand's term and that of the result change places. */
  Einsum: einsum,
};
