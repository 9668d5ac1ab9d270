import { expect, test } from 'vitest';
import { GradientError, ruleOf, ruleOfSeveral } from '../../src/autodiff/rule.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { Call } from '../../src/graph/operators/call.ts';

const b = new GraphBuilder();
const x = b.input('x', [2]);
const call = new Call({ op: 'Add', name: 'sum', inputs: ['x', ''], outputs: ['y'], attributes: {} }, [], 20);
const wants = () => true;

test('A rule refuses a node that leaves out an input which the operator needs', () => {
  const rule = ruleOf(2, (_b, { x: [a, c] }) => [a, c]);
  expect(rule(b, { call, x: [x, x], y: [x], wants }, [x])).toEqual([x, x]);
  expect(() => rule(b, { call, x: [x, undefined], y: [x], wants }, [x])).toThrow(GradientError);
  expect(() => rule(b, { call, x: [x], y: [x], wants }, [x])).toThrow(GradientError);
  expect(() => rule(b, { call, x: [x, x], y: [undefined], wants }, [x])).toThrow(GradientError);
});

test('Only a rule of several outputs is asked where the loss does not depend on the first', () => {
  const at = { call, x: [x], y: [x, x], wants };
  expect(ruleOf(1, () => [x])(b, at, [undefined, x])).toEqual([]);
  expect(ruleOfSeveral(1, (_b, _at, [, dy]) => [dy])(b, at, [undefined, x])).toEqual([x]);
});
