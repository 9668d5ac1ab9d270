// Weights of a network in training: the zoo's builders ask for constants, and get values of the step's graph.
// So a network is trained by the very graph that loads it afterwards, and its tensors have the official names.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Float32Tensor, Tensor } from '../../graph/tensor.ts';
import { Weights } from '../../zoo/weights.ts';

export class LiveWeights extends Weights {
  readonly #live: (name: string) => Value | undefined;
  /** Tensors whose values were asked for since the last look. */
  readonly #asked = new Set<string>();

  /**
   * @param tensors by official name: their shapes are checked, their values are not looked at.
   * @param live the value of a tensor in the graph that is being made; undefined for one that stays a constant.
   */
  constructor(tensors: ReadonlyMap<string, Tensor>, owner: string, live: (name: string) => Value | undefined) {
    super(tensors, owner);
    this.#live = live;
  }

  override constant(b: GraphBuilder, name: string, shape?: readonly number[]): Value {
    this.tensor(name, shape);
    return this.#live(name) ?? super.constant(b, name, shape);
  }

  /**
   * What is derived from a tensor that is trained is added to the graph.
   * @throws Error when there is no way to add it.
   */
  override derived(b: GraphBuilder, key: string, make: () => Float32Tensor, add?: () => Value): Value {
    if (add) return add();
    const before = new Set(this.#asked);
    this.#asked.clear();
    const value = super.derived(b, key, make);
    const moving = [...this.#asked].find((name) => this.#live(name));
    for (const name of before) this.#asked.add(name);
    if (moving) throw new Error(`"${key}" is computed from "${moving}", which is trained, and cannot be in a graph`);
    return value;
  }

  override values(name: string, shape?: readonly number[]): Float32Array {
    this.#asked.add(name);
    return super.values(name, shape);
  }
}
