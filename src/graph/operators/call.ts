// One application of an operator, as its shape rule sees it: inputs as far as they are known, and attributes.
// It computes nothing; the rules do, in the other files of this folder.

import { differ, formatShape, isNumber } from '../dims.ts';
import type { AttributeValues, Dim, Node } from '../graph.ts';
import type { DType, Tensor } from '../tensor.ts';

/** What is known of a value before anything runs. Nothing (`{}`) is a valid answer. */
export interface Known {
  readonly dtype?: DType;
  readonly shape?: readonly Dim[];
  /** Elements of a small tensor, row-major; a string is the name of a dynamic dimension or '?'. */
  readonly elements?: readonly Dim[];
}

/** Output types and shapes of one operator. Throws ShapeError when the inputs do not fit. */
export type OperatorRule = (call: Call) => readonly Known[];

/** The inputs of an operator do not fit. The message is completed with the node's name on its way up. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

export class Call {
  readonly node: Node;
  readonly opset: number;
  /** One entry per input of the node; undefined where an optional one is left out. */
  readonly inputs: readonly (Known | undefined)[];

  constructor(node: Node, inputs: readonly (Known | undefined)[], opset: number) {
    this.node = node;
    this.inputs = inputs;
    this.opset = opset;
  }

  has(index: number): boolean {
    return index < this.inputs.length && this.inputs[index] !== undefined;
  }

  dtype(index: number): DType | undefined {
    return this.inputs[index]?.dtype;
  }

  /** Shape of an input, undefined where it is not known; the rank is checked if given. */
  shape(index: number, rank?: number): readonly Dim[] | undefined {
    const shape = this.inputs[index]?.shape;
    if (rank !== undefined && shape && shape.length !== rank) {
      throw new ShapeError(`input ${index} has the shape ${formatShape(shape)}, but rank ${rank} is needed`);
    }
    return shape;
  }

  /** Elements of a small input, if all of them are known numbers. */
  numbers(index: number): readonly number[] | undefined {
    const elements = this.inputs[index]?.elements;
    return elements?.every(isNumber) ? elements : undefined;
  }

  /** Integers given by an input in newer operator sets and by an attribute in older ones. */
  integers(index: number, attribute: string): readonly number[] | undefined {
    return this.has(index) ? this.numbers(index) : this.ints(attribute);
  }

  int(name: string, fallback?: number): number {
    const value = this.#attribute(name, 'int');
    if (value !== undefined) return value;
    if (fallback === undefined) throw new ShapeError(`the attribute ${name} is missing`);
    return fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name, 'ints');
  }

  float(name: string, fallback: number): number {
    return this.#attribute(name, 'float') ?? fallback;
  }

  string(name: string, fallback: string): string {
    return this.#attribute(name, 'string') ?? fallback;
  }

  tensor(name: string): Tensor | undefined {
    return this.#attribute(name, 'tensor');
  }

  #attribute<Kind extends keyof AttributeValues>(name: string, kind: Kind): AttributeValues[Kind] | undefined {
    const attribute: Partial<AttributeValues> | undefined = this.node.attributes[name];
    if (attribute === undefined) return undefined;
    const value = attribute[kind];
    if (value === undefined) {
      throw new ShapeError(`the attribute ${name} is of kind ${Object.keys(attribute).join()}, not ${kind}`);
    }
    return value;
  }
}

/** An axis counted from the front. */
export function resolveAxis(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw new ShapeError(`axis ${axis} is outside a tensor of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/** Fails when two dimensions that must be equal are known to differ. */
export function expectEqual(a: Dim | undefined, b: Dim | undefined, what: string): void {
  if (differ(a, b)) throw new ShapeError(`${what}: ${a} and ${b} differ`);
}

/** Fails when an attribute or input has a wrong number of entries. */
export function expectLength(values: readonly unknown[], length: number, what: string): void {
  if (values.length !== length) throw new ShapeError(`${what} has ${values.length} entries, but needs ${length}`);
}

/** Output 0 is of the type and shape of input 0. */
export const sameAsInput: OperatorRule = (call) => [{ dtype: call.dtype(0), shape: call.shape(0) }];
