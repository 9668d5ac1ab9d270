// An ONNX graph as plain data. It knows no engine and no model; the other files of this room make, read and change it.

import type { DType, Tensor } from './tensor.ts';

/** An attribute of a node. Integers are given as `{ int }` / `{ ints }`, since 1 may also mean 1.0. */
export type Attribute = { [Kind in keyof AttributeValues]: Pick<AttributeValues, Kind> }[keyof AttributeValues];

/** What an attribute holds, by its kind: it has one. */
export interface AttributeValues {
  readonly int: number;
  readonly float: number;
  readonly string: string;
  readonly tensor: Tensor;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
  readonly strings: readonly string[];
  readonly graph: Graph;
}

/** One operator application. An empty string stands for an optional input or output that is left out. */
export interface Node {
  readonly op: string;
  readonly name: string;
  /** Operator set; '' (the default) is ONNX's own. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A dimension: a number, or the name of a dynamic one (`'batch'`, or '?' where the file names none). */
export type Dim = number | string;

/** A named value with its type. `shape` is absent where the rank is unknown. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape?: readonly Dim[];
}

/** A graph: nodes in topological order, weights by name. Treated as immutable; transformations return a new one. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constant tensors (weights), by value name. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Types and shapes of intermediate values, where known, by value name. */
  readonly values: ReadonlyMap<string, ValueInfo>;
  /** Version of ONNX's own operator set. */
  readonly opset: number;
  /** Versions of other operator sets, by domain. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Free text pairs kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}
