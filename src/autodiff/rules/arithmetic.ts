// Gradients of arithmetic with broadcasting: the sum over the repeated axes of what each element gives.
// Functions of one value are in activation.ts.

import { int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { GradientError, ruleOf } from '../rule.ts';
import type { AppliedTo, GradientRule, GradientRules } from '../rule.ts';
import { indicator, sumTo } from '../values.ts';

/** What operand `i` gets of each element, before the sum over the axes along which the operand is repeated. */
type Share = (b: GraphBuilder, dy: Value, at: AppliedTo<'all'>, i: number) => Value | undefined;

/** One share per operand; the last one serves all that follow. */
const broadcasting = (...shares: readonly Share[]): GradientRule =>
  ruleOf('all', (b, at, [dy]) =>
    at.x.map((x, i) => {
      const share = shares[Math.min(i, shares.length - 1)];
      const value = at.wants(i) ? share(b, dy, at, i) : undefined;
      return value && sumTo(b, value, x.shape);
    }),
  );

const pass: Share = (_b, dy) => dy;
const none: Share = () => undefined;

const power: Share = (b, dy, { call, x: [x, e], y: [y] }) => {
  const known = call.numbers(1);
  const exponent = known?.every((value) => value === known[0]) ? known[0] : undefined;
  if (exponent === 0) return undefined;
  if (exponent === 1) return dy;
  if (exponent === 0.5) return b.div(b.mul(dy, 0.5), y);
  if (exponent !== undefined) {
    return b.mul(b.mul(dy, exponent), exponent === 2 ? x : b.pow(x, b.scalar(exponent - 1, x.dtype)));
  }
  const own = e.dtype === x.dtype ? e : b.cast(e, x.dtype);
  // Where e is 0, not 0 * x^-1, which is no number at x = 0.
  const lowered = b.sub(b.where(b.equal(own, 0), 1, own), 1);
  return b.mul(b.mul(dy, own), b.pow(x, lowered));
};

const exponent: Share = (b, dy, { x: [x], y: [y] }) => b.mul(b.mul(dy, y), b.log(b.where(b.equal(x, 0), 1, x)));

/** To the first of the operands that are equal to the result. */
const extremum: Share = (b, dy, { x, y: [y] }, i) => {
  const chosen = (k: number) => b.equal(x[k], y);
  if (x.length === 1) return dy;
  if (i === 0) return b.mul(dy, indicator(b, chosen(0), dy));
  let open = b.op('Not', [chosen(0)])[0];
  for (let k = 1; k < i; k++) open = b.op('And', [open, b.op('Not', [chosen(k)])[0]])[0];
  // Whatever none of the others is, the last one is.
  const own = i === x.length - 1 ? open : b.op('And', [open, chosen(i)])[0];
  return b.mul(dy, indicator(b, own, dy));
};

const dropout: GradientRule = (_b, { call }, [dy]) => {
  const training = call.has(2) ? call.numbers(2)?.[0] : 0;
  if (training !== 0) throw new GradientError('it may be in training mode; only inference has a gradient');
  return [dy];
};

export const arithmetic: GradientRules = {
  /** y = a + c: da = dy, dc = dy. */
  Add: broadcasting(pass),
  /** y = a - c: da = dy, dc = -dy. */
  Sub: broadcasting(pass, (b, dy, { x: [, c] }) => b.neg(sumTo(b, dy, c.shape))),
  /** y = a c: da = dy c, dc = dy a. */
  Mul: broadcasting((b, dy, { x }, i) => b.mul(dy, x[1 - i])),
  /** y = a / c: da = dy / c, dc = -dy y / c. */
  Div: broadcasting(
    (b, dy, { x: [, c] }) => b.div(dy, c),
    (b, dy, { x: [, c], y: [y] }) => b.neg(b.div(sumTo(b, b.mul(dy, y), c.shape), c)),
  ),
  /** y = x^e: dx = dy e x^(e - 1), de = dy y log(x), and de = 0 where x = 0. */
  Pow: broadcasting(power, exponent),
  /** y = a + c + ...: each gets dy. */
  Sum: broadcasting(pass),
  /** The mean of n: each gets dy / n. */
  Mean: broadcasting((b, dy, { x }) => b.div(dy, x.length)),
  /** dy to the operand that is the smallest, the first of equal ones. */
  Min: broadcasting(extremum),
  /** dy to the operand that is the largest, the first of equal ones. */
  Max: broadcasting(extremum),
  /** y = c ? a : d: da = c ? dy : 0, dd = c ? 0 : dy. A selection, so that what is not chosen is 0 whatever dy is. */
  Where: broadcasting(
    none,
    (b, dy, { x: [condition] }) => b.where(condition, dy, 0),
    (b, dy, { x: [condition] }) => b.where(condition, 0, dy),
  ),
  /** y = x > 0 ? x : s x: dx = x > 0 ? dy : s dy, ds = dy min(x, 0). */
  PRelu: broadcasting(
    (b, dy, { x: [x, slope] }) => b.mul(dy, b.where(b.greater(x, 0), 1, slope)),
    (b, dy, { x: [x] }) => b.mul(dy, b.min(x, 0)),
  ),
  /** dx = -dy. */
  Neg: broadcasting((b, dy) => b.neg(dy)),
  /** dx = dy. */
  Identity: broadcasting(pass),
  /** dx = dy, in the type of x. */
  Cast: broadcasting((b, dy, { x: [x] }) => b.cast(dy, x.dtype)),
  /** dx = dy in inference. */
  Dropout: dropout,
  /** dx is the sum of dy from the other end. */
  CumSum: broadcasting((b, dy, { call, x: [, axis] }) => {
    const direction = { exclusive: int(call.int('exclusive', 0)), reverse: int(1 - call.int('reverse', 0)) };
    return b.op('CumSum', [dy, axis], direction)[0];
  }, none),
};
