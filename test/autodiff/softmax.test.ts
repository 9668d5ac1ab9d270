// Gradients of the softmax against central differences.

import { describe, it } from 'vitest';
import { int } from '../../src/graph/attributes.ts';
import { checkGradients } from './check.ts';

describe.each(['Softmax', 'LogSoftmax'])('gradients of %s', (op) => {
  const cases = [
    { shape: [5], axis: 0 },
    { shape: [2, 4], axis: -1 },
    { shape: [2, 3, 2], axis: 1 },
    { shape: [3, 2, 2], axis: -3 },
  ];
  it.each(cases)('$shape along $axis', ({ shape, axis }) => {
    checkGradients([{ shape, range: [-2, 2] }], (b, x) => b.op(op, [x], { axis: int(axis) }));
  });
  it('the last axis by default', () => checkGradients([{ shape: [2, 3] }], (b, x) => b.op(op, [x])));
});
