// Gradients of the softmax and its logarithm along an axis.
// Both are written by y, so that x need not be kept.

import { ruleOf } from '../rule.ts';
import type { GradientRules } from '../rule.ts';

export const softmax: GradientRules = {
  /** dx = y (dy - sum(dy y)). */
  Softmax: ruleOf(1, (b, { call, y: [y] }, [dy]) => {
    const sum = b.reduceSum(b.mul(dy, y), [call.int('axis', -1)], true);
    return [b.mul(y, b.sub(dy, sum))];
  }),
  /** dx = dy - exp(y) sum(dy). */
  LogSoftmax: ruleOf(1, (b, { call, y: [y] }, [dy]) => {
    const sum = b.reduceSum(dy, [call.int('axis', -1)], true);
    return [b.sub(dy, b.mul(b.exp(y), sum))];
  }),
};
