// Optimisers as graphs: how one weight moves by its gradient. What they remember of each weight are tensors of its shape.
// The learning rate and what else changes from step to step are fed, so that one graph serves all steps.

import type { GraphBuilder, Value } from '../../graph/builder.ts';

export interface Optimiser {
  /** What it remembers of each weight, all zero at the beginning. */
  readonly moments: readonly string[];
  /** Names of weights that are moved by themselves; all others go as rows of many. */
  readonly apart?: readonly string[];
  /**
   * Numbers that every step is fed, by name; always the same names.
   * @param count number of this update, from 1.
   */
  scalars(rate: number, count: number): Record<string, number>;
  /** Lays the update of weights. */
  move(b: GraphBuilder, at: Move): { weight: Value; moments: Record<string, Value> };
}

export interface Move {
  /** Names of the weights that are moved. */
  readonly names: readonly string[];
  /** One weight, or the numbers of several as one row. */
  readonly weight: Value;
  readonly gradient: Value;
  readonly moments: Readonly<Record<string, Value>>;
  readonly scalars: Readonly<Record<string, Value>>;
  /** Whether weight decay is for this one too. */
  readonly decays: boolean;
}

export interface SgdOptions {
  /** Default 0: no memory. */
  readonly momentum?: number;
  /** Step as if the momentum had been followed already; default false. */
  readonly nesterov?: boolean;
  /** Multiple of the weight that is added to its gradient; default 0. */
  readonly weightDecay?: number;
}

/**
 * Gradient descent: v = momentum v + g, and w moves by -rate v, or by -rate (g + momentum v) with `nesterov`.
 * Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, as in PyTorch's
 * `SGD` without dampening.
 */
export function sgd({ momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimiser {
  return {
    moments: momentum ? ['momentum'] : [],
    scalars: (rate) => ({ rate }),
    move(b, { weight, gradient, moments, scalars, decays }) {
      const g = decays && weightDecay ? b.add(gradient, b.mul(weight, weightDecay)) : gradient;
      const v: Value = momentum ? b.add(b.mul(moments.momentum, momentum), g) : g;
      const direction = momentum && nesterov ? b.add(g, b.mul(v, momentum)) : v;
      const kept: Record<string, Value> = momentum ? { momentum: v } : {};
      return { weight: b.sub(weight, b.mul(direction, scalars.rate)), moments: kept };
    },
  };
}

export interface AdamOptions {
  /** Default 0.9. 0 keeps no first moment. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Fraction of the weight, times the rate, that it loses in each step; default 0. */
  readonly weightDecay?: number;
}

/**
 * Adam with decoupled weight decay: w moves by -rate (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w).
 * Source: Kingma and Ba, "Adam", 2015, with both corrections drawn into rate and epsilon (end of their section 2);
 * Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, as in PyTorch's `AdamW`.
 */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamOptions = {}): Optimiser {
  return {
    moments: beta1 ? ['first', 'second'] : ['second'],
    // In float64 here: 1 - 0.999^t has few digits in float32.
    scalars(rate, count) {
      const root = Math.sqrt(1 - beta2 ** count);
      return { rate: (rate * root) / (1 - beta1 ** count), epsilon: epsilon * root, decay: rate * weightDecay };
    },
    move(b, { weight, gradient: g, moments, scalars, decays }) {
      const first = beta1 ? b.add(b.mul(moments.first, beta1), b.mul(g, 1 - beta1)) : g;
      const second = b.add(b.mul(moments.second, beta2), b.mul(b.mul(g, g), 1 - beta2));
      const direction = b.div(first, b.add(b.sqrt(second), scalars.epsilon));
      const shrunk = decays && weightDecay ? b.sub(weight, b.mul(weight, scalars.decay)) : weight;
      const kept: Record<string, Value> = beta1 ? { first, second } : { second };
      return { weight: b.sub(shrunk, b.mul(direction, scalars.rate)), moments: kept };
    },
  };
}
