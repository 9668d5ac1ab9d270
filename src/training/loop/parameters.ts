// Tensors of a training's state as values of a step's graph: what is read becomes an input, what is new an output.
// It knows neither losses nor optimisers.

import { UserError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/tensor.ts';

/** Names of a state tensor's value before and after a step, among the inputs and the outputs of its graph. */
export const stateInput = (name: string): string => `state ${name}`;
export const stateOutput = (name: string): string => `next ${name}`;

/** The state in the graph of one step. A tensor becomes an input when it is first asked for. */
export class Parameters {
  readonly #b: GraphBuilder;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #read = new Map<string, Value>();

  constructor(b: GraphBuilder, tensors: ReadonlyMap<string, Tensor>) {
    this.#b = b;
    this.#tensors = tensors;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** @throws UserError when the state has no such tensor, or it is not float32. */
  get(name: string): Value {
    const made = this.#read.get(name);
    if (made) return made;
    const tensor = this.#tensors.get(name);
    if (!tensor) {
      const list = [...this.#tensors.keys()].slice(0, 8).join(', ');
      throw new UserError(`the state of "${this.#b.name}" has no tensor "${name}"; it has ${list}, ...`);
    }
    if (tensor.dtype !== 'float32') {
      throw new UserError(`the tensor "${name}" is ${tensor.dtype}; training needs float32, convert it first`);
    }
    const value = this.#b.input(stateInput(name), tensor.shape);
    this.#read.set(name, value);
    return value;
  }

  /** Names of what was asked for, in that order. */
  get read(): readonly string[] {
    return [...this.#read.keys()];
  }
}
