// One application of an operator in the reference evaluator: its inputs and attributes, by position and name.
// It computes nothing.

import type { Node } from '../../../src/graph/graph.ts';
import type { DType } from '../../../src/graph/tensor.ts';
import { axisOf } from './array.ts';
import type { Array64 } from './array.ts';

/** What an operator computes: one array for each of its outputs, or the only one. */
export type Rule = (call: Call) => Array64 | readonly Array64[];

export class Call {
  readonly node: Node;
  /** Undefined where an optional one is left out. */
  readonly inputs: readonly (Array64 | undefined)[];
  readonly opset: number;
  /** Element type of the first output, where the graph records it. */
  readonly dtype: DType | undefined;

  constructor(node: Node, inputs: readonly (Array64 | undefined)[], opset: number, dtype?: DType) {
    this.node = node;
    this.inputs = inputs;
    this.opset = opset;
    this.dtype = dtype;
  }

  /** A required input. */
  input(index: number): Array64 {
    const value = this.inputs[index];
    if (!value) throw new Error(`input ${index} is missing`);
    return value;
  }

  /** All inputs of an operator that takes any number of them. */
  all(): Array64[] {
    return this.inputs.map((_, i) => this.input(i));
  }

  /** The elements of an optional input. */
  list(index: number): number[] | undefined {
    const value = this.inputs[index];
    return value && [...value.data];
  }

  int(name: string, otherwise?: number): number {
    const attribute = this.node.attributes[name];
    if (attribute && 'int' in attribute) return attribute.int;
    return required(name, otherwise);
  }

  ints(name: string): readonly number[] | undefined {
    const attribute = this.node.attributes[name];
    return attribute && 'ints' in attribute ? attribute.ints : undefined;
  }

  /** Rounded to float32, which is the type of ONNX's attributes. */
  float(name: string, otherwise?: number): number {
    const attribute = this.node.attributes[name];
    return Math.fround(attribute && 'float' in attribute ? attribute.float : required(name, otherwise));
  }

  string(name: string, otherwise?: string): string {
    const attribute = this.node.attributes[name];
    if (attribute && 'string' in attribute) return attribute.string;
    return required(name, otherwise);
  }

  /** An attribute that counts axes, from the end if negative. */
  axis(name: string, otherwise: number, rank: number): number {
    return axisOf(this.int(name, otherwise), rank);
  }

  /** An input that lists axes of an array; undefined when it is left out. */
  axes(index: number, rank: number): number[] | undefined {
    return this.list(index)?.map((axis) => axisOf(axis, rank));
  }
}

function required<T>(name: string, otherwise: T | undefined): T {
  if (otherwise === undefined) throw new Error(`the attribute ${name} is missing`);
  return otherwise;
}
