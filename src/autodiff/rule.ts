// What a gradient rule is: how the gradient of an operator's outputs becomes that of its inputs, in operators.
// The rules themselves are in rules/, by groups of operators.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Call } from '../graph/operators/call.ts';

/** Inputs, outputs or gradients by position; undefined where an optional one is left out. */
export type Values = readonly (Value | undefined)[];

/** One application of an operator in a forward pass, as a gradient rule sees it. */
export interface Applied<X extends Values = Values, Y extends Values = Values> {
  /** Attributes, and what is known of the inputs before anything runs: `call.int('axis', -1)`, `call.numbers(1)`. */
  readonly call: Call;
  /** Inputs. */
  readonly x: X;
  /** Outputs. */
  readonly y: Y;
  /** Whether the gradient of input `i` is asked for. It need not be computed otherwise. */
  readonly wants: (i: number) => boolean;
}

/**
 * Adds the operators that compute the gradient of the inputs of one application.
 * Everything that is added must have a rule itself, so that gradients of gradients work.
 * @param dy gradient of the loss by each output, of the output's shape and type; undefined where the loss does not depend
 *   on it. At least one is given.
 * @returns gradient by each input, of the input's shape and type; undefined (or left out) where it is zero, not wanted, or
 *   where the operator is constant in that input.
 */
export type GradientRule = (b: GraphBuilder, at: Applied, dy: Values) => Values;

/** Rules by operator. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/** A rule that cannot serve this application; the message is completed with the node's name on its way up. */
export class GradientError extends Error {
  override name = 'GradientError';
}

/** Values of which so many at the beginning, or all, are there. */
interface Present {
  1: readonly [Value, ...Values];
  2: readonly [Value, Value, ...Values];
  3: readonly [Value, Value, Value, ...Values];
  5: readonly [Value, Value, Value, Value, Value, ...Values];
  all: readonly Value[];
}
export type Count = keyof Present;

/** An application whose first `N` inputs and first output are there. */
export type AppliedTo<N extends Count> = Applied<Present[N], Present[1]>;

/**
 * The rule of an operator with one output, or whose further ones have no gradient.
 * @param required inputs that every node of the operator has; the application is refused where one is left out.
 */
export const ruleOf = <N extends Count>(
  required: N,
  rule: (b: GraphBuilder, at: AppliedTo<N>, dy: Present[1]) => Values,
): GradientRule => ruleOfSeveral(required, (b, at, dy) => (present(dy, 1) ? rule(b, at, dy) : []));

/** The rule of an operator whose loss may depend on any of several outputs. */
export const ruleOfSeveral =
  <N extends Count>(required: N, rule: (b: GraphBuilder, at: AppliedTo<N>, dy: Values) => Values): GradientRule =>
  (b, { call, x, y, wants }, dy) => {
    if (!present(x, required)) throw new GradientError('an input is left out that the operator needs');
    if (!present(y, 1)) throw new GradientError('its first output is left out');
    return rule(b, { call, x, y, wants }, dy);
  };

function present<N extends Count>(values: Values, count: N): values is Present[N] {
  const needed: number = typeof count === 'number' ? count : values.length;
  return values.length >= needed && values.slice(0, needed).every((value) => value !== undefined);
}
