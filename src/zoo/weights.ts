// The weights of a network by name, as builders ask for them: float32, with errors that name what is missing.

import { UserError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../graph/tensor.ts';

/** Gives constants for a builder from named tensors; float16 and bfloat16 become float32. */
export class Weights {
  readonly #converted = new Map<string, Tensor>();

  constructor(
    readonly tensors: ReadonlyMap<string, Tensor>,
    readonly owner: string,
  ) {}

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Shape of a tensor. @throws UserError when it is missing. */
  shape(name: string): readonly number[] {
    return this.tensor(name).shape;
  }

  tensor(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (!tensor) {
      throw new UserError(
        `the weights of ${this.owner} have no tensor "${name}"; the checkpoint is of another architecture`,
      );
    }
    return tensor;
  }

  /** The tensor as a float32 constant of `b`, under its own name. */
  constant(b: GraphBuilder, name: string): Value {
    let tensor = this.#converted.get(name);
    if (!tensor) {
      const raw = this.tensor(name);
      tensor = float32(raw.shape, toFloat32(raw));
      this.#converted.set(name, tensor);
    }
    return b.constant(tensor);
  }
}
