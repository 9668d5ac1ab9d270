// Operators that work element by element, in float64.
// Those of one input are plain functions of a number; those of several are broadcast.

import { dtypeOf } from '../../../src/graph/onnx-types.ts';
import type { DType } from '../../../src/graph/tensor.ts';
import { array64, broadcastShapes, mapBroadcast } from './array.ts';
import type { Call, Rule } from './call.ts';

const isFloat = (dtype: DType | undefined): boolean => dtype === undefined || dtype.includes('float');

/**
 * The error function to about 1e-15: 2 / sqrt(pi) * exp(-x^2) * sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)).
 * All terms have one sign, so that nothing cancels. Source: Abramowitz and Stegun 7.1.6.
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** To the nearest integer, halves to the even one. */
export function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** log(1 + exp(x)) without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** A rule from a function of one number, which may depend on attributes. */
const unary =
  (make: (call: Call) => (x: number) => number): Rule =>
  (call) => {
    const x = call.input(0);
    return array64(x.shape, x.data.map(make(call)));
  };

const plain: Record<string, (x: number) => number> = {
  Neg: (x) => -x,
  Abs: Math.abs,
  Sign: Math.sign,
  Exp: Math.exp,
  Log: Math.log,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Erf: erf,
  Sigmoid: sigmoid,
  Tanh: Math.tanh,
  Sin: Math.sin,
  Cos: Math.cos,
  Tan: Math.tan,
  Asin: Math.asin,
  Acos: Math.acos,
  Atan: Math.atan,
  Sinh: Math.sinh,
  Cosh: Math.cosh,
  Relu: (x) => Math.max(x, 0),
  Softplus: softplus,
  Softsign: (x) => x / (1 + Math.abs(x)),
  HardSwish: (x) => x * clamp(x / 6 + 0.5, 0, 1),
  Mish: (x) => x * Math.tanh(softplus(x)),
  Floor: Math.floor,
  Ceil: Math.ceil,
  Round: roundHalfEven,
  Identity: (x) => x,
  Not: (x) => Number(x === 0),
};

const withAttributes: Record<string, (call: Call) => (x: number) => number> = {
  LeakyRelu: (call) => {
    const alpha = call.float('alpha', 0.01);
    return (x) => (x < 0 ? alpha * x : x);
  },
  Elu: (call) => {
    const alpha = call.float('alpha', 1);
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
  },
  Selu: (call) => {
    const alpha = call.float('alpha', 1.67326319217681884765625);
    const gamma = call.float('gamma', 1.05070102214813232421875);
    return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x));
  },
  Celu: (call) => {
    const alpha = call.float('alpha', 1);
    return (x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha));
  },
  HardSigmoid: (call) => {
    const alpha = call.float('alpha', 0.2);
    const beta = call.float('beta', 0.5);
    return (x) => clamp(alpha * x + beta, 0, 1);
  },
  ThresholdedRelu: (call) => {
    const alpha = call.float('alpha', 1);
    return (x) => (x > alpha ? x : 0);
  },
  Gelu: (call) => {
    if (call.string('approximate', 'none') === 'none') return (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
    return (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  },
  Cast: (call) => {
    const dtype = dtypeOf(call.int('to'));
    if (!dtype) throw new Error('the type to cast to is not known');
    if (dtype === 'bool') return (x) => Number(x !== 0);
    return isFloat(dtype) ? (x) => x : Math.trunc;
  },
  Clip: (call) => {
    const low = call.inputs[1]?.data[0] ?? -Infinity;
    const high = call.inputs[2]?.data[0] ?? Infinity;
    return (x) => clamp(x, low, high);
  },
};

const several: Record<string, (call: Call) => (values: readonly number[]) => number> = {
  Add: () => plus,
  Sub: () => (v) => v[0] - v[1],
  Mul: () => (v) => v[0] * v[1],
  // Integers are divided towards zero.
  Div: (call) => (isFloat(call.dtype) ? (v) => v[0] / v[1] : (v) => Math.trunc(v[0] / v[1])),
  Pow: () => (v) => v[0] ** v[1],
  Mod: (call) => (call.int('fmod', 0) ? (v) => v[0] % v[1] : (v) => v[0] - v[1] * Math.floor(v[0] / v[1])),
  Min: () => (v) => Math.min(...v),
  Max: () => (v) => Math.max(...v),
  Sum: () => plus,
  Mean: () => (v) => plus(v) / v.length,
  And: () => (v) => Number(v[0] !== 0 && v[1] !== 0),
  Or: () => (v) => Number(v[0] !== 0 || v[1] !== 0),
  Xor: () => (v) => Number((v[0] !== 0) !== (v[1] !== 0)),
  Equal: () => (v) => Number(v[0] === v[1]),
  Less: () => (v) => Number(v[0] < v[1]),
  LessOrEqual: () => (v) => Number(v[0] <= v[1]),
  Greater: () => (v) => Number(v[0] > v[1]),
  GreaterOrEqual: () => (v) => Number(v[0] >= v[1]),
  Where: () => (v) => (v[0] !== 0 ? v[1] : v[2]),
};

function plus(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** The slope is broadcast to the input, never the input to the slope. */
function prelu(call: Call) {
  const x = call.input(0);
  const slope = call.input(1);
  if (broadcastShapes([x.shape, slope.shape]).join() !== x.shape.join()) throw new Error('the slope is too large');
  return mapBroadcast([x, slope], ([value, factor]) => (value < 0 ? factor * value : value));
}

const mapped = <T, U>(table: Record<string, T>, f: (entry: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, f(entry)]));

export const elementwise: Readonly<Record<string, Rule>> = {
  ...mapped(plain, (f) => unary(() => f)),
  ...mapped(withAttributes, unary),
  ...mapped(
    several,
    (make): Rule =>
      (call) =>
        mapBroadcast(call.all(), make(call)),
  ),
  PRelu: prelu,
};
