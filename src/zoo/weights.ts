// The weights of a network by name, as builders ask for them: float32, with errors that name what is missing or wrong.
// Tensors may be lazy: data are touched only where a builder needs them.

import { UserError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { toFloat32, type Float32Tensor, type Tensor } from '../graph/tensor.ts';

const shown = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** Gives constants for a builder from named tensors; float16 and bfloat16 become float32. */
export class Weights {
  /** Constants that were made, by key. */
  readonly #made: Map<string, Float32Tensor>;
  readonly #used = new Set<string>();

  /** @param made constants of an earlier build by key: those are taken as they are, not made again. */
  constructor(
    readonly tensors: ReadonlyMap<string, Tensor>,
    readonly owner: string,
    made: ReadonlyMap<string, Float32Tensor> = new Map(),
  ) {
    this.#made = new Map(made);
  }

  /** Names that were asked for. */
  get used(): ReadonlySet<string> {
    return this.#used;
  }

  /** Every constant that builds have used, by key. */
  get made(): ReadonlyMap<string, Float32Tensor> {
    return this.#made;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** Shape of a tensor. @throws UserError when it is missing. */
  shape(name: string): readonly number[] {
    return this.tensor(name).shape;
  }

  /** @throws UserError when it is missing, or `shape` is given and another. */
  tensor(name: string, shape?: readonly number[]): Tensor {
    this.#used.add(name);
    const tensor = this.tensors.get(name);
    if (!tensor) {
      throw new UserError(
        `the weights of ${this.owner} have no tensor "${name}"; the checkpoint is of another architecture, or not whole`,
      );
    }
    if (shape && (shape.length !== tensor.shape.length || shape.some((d, i) => d !== tensor.shape[i]))) {
      throw new UserError(
        `the tensor "${name}" of ${this.owner} has the shape ${shown(tensor.shape)}; its architecture expects ${shown(shape)}. The checkpoint is of another network`,
      );
    }
    return tensor;
  }

  /** Values of a tensor as float32. @throws UserError as `tensor` does, and for values that are not finite. */
  values(name: string, shape?: readonly number[]): Float32Array {
    const values = toFloat32(this.tensor(name, shape));
    if (!allFinite(values)) {
      throw new UserError(
        `the tensor "${name}" of ${this.owner} has values that are not finite (NaN or infinity): the network diverged or the file is damaged; take another checkpoint`,
      );
    }
    return values;
  }

  /** The tensor as a float32 constant of `b`. */
  constant(b: GraphBuilder, name: string, shape?: readonly number[]): Value {
    const { shape: actual } = this.tensor(name, shape);
    return this.derived(b, name, () => ({ dtype: 'float32', shape: actual, data: this.values(name) }));
  }

  /**
   * A constant that is computed from tensors, once, however many graphs use it: a scaled or transposed weight.
   * @param key its own name, unlike any tensor's: `NAME:scaled`. The same key must always mean the same content.
   * @param make may ask for `values`; that of other tensors' shapes goes through `shape` outside of it.
   * @param _add the same in a graph, from what `constant` gives: for weights that are in training.
   */
  derived(b: GraphBuilder, key: string, make: () => Float32Tensor, _add?: () => Value): Value {
    let tensor = this.#made.get(key);
    if (!tensor) {
      tensor = make();
      this.#made.set(key, tensor);
    }
    return b.constant(tensor);
  }
}

function allFinite(values: Float32Array): boolean {
  // NaN and infinity times zero are NaN, and stay it in a sum.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}
