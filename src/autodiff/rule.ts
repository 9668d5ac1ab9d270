// What a gradient rule is: how the gradient of an operator's outputs becomes that of its inputs, in operators.
// The rules themselves are in rules/, by groups of operators.

import type { GraphBuilder, Value } from '../graph/builder.ts';
import type { Call } from '../graph/operators/call.ts';

/** One application of an operator in a forward pass, as a gradient rule sees it. */
export interface Applied {
  /** Attributes, and what is known of the inputs before anything runs: `call.int('axis', -1)`, `call.numbers(1)`. */
  readonly call: Call;
  /** Inputs; undefined where an optional one is left out. */
  readonly x: readonly (Value | undefined)[];
  /** Outputs; undefined where an optional one is left out. */
  readonly y: readonly (Value | undefined)[];
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
export type GradientRule = (
  b: GraphBuilder,
  at: Applied,
  dy: readonly (Value | undefined)[],
) => readonly (Value | undefined)[];

/** Rules by operator. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/** A rule that cannot serve this application; the message is completed with the node's name on its way up. */
export class GradientError extends Error {
  override name = 'GradientError';
}
