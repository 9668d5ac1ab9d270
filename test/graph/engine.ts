// Runs graphs on ONNX Runtime, the other implementation that this room's tests compare with.
// It is no test itself.

import * as ort from 'onnxruntime-node';
import type { Graph, Node, ValueInfo } from '../../src/graph/graph.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { DType, Tensor } from '../../src/graph/tensor.ts';
import { fromNumbers } from '../../src/graph/tensor.ts';
import { writeOnnx } from '../../src/graph/write.ts';

export type Feeds = Record<string, Tensor>;

/** Outputs of a graph by name. */
export async function run(graph: Graph, feeds: Feeds = {}): Promise<Record<string, Tensor>> {
  return runModel(writeOnnx(graph).model, feeds);
}

/** Outputs of the bytes of an ONNX model by name. */
export async function runModel(model: Uint8Array, feeds: Feeds = {}): Promise<Record<string, Tensor>> {
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
    intraOpNumThreads: 2,
  });
  try {
    const inputs = Object.entries(feeds).map(([name, { dtype, data, shape }]) => {
      return [name, new ort.Tensor(dtype as 'float32', data as Float32Array, shape)] as const;
    });
    const outputs = await session.run(Object.fromEntries(inputs));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [
        name,
        { dtype: tensor.type as DType, shape: [...tensor.dims], data: tensor.data as Float32Array },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Deterministic numbers in (0, 1]. */
export function ramp(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (((i + 1) * 0.61803398875) % 1) + 1e-3);
  const scale = dtype.includes('float') ? 1 : 7;
  return fromNumbers(
    dtype,
    shape,
    values.map((v) => (dtype === 'bool' ? Math.round(v) : v * scale)),
  );
}

/** An input of a node under test: fed when run, or a constant whose elements inference may use. */
export type Operand = Tensor | { readonly constant: Tensor } | undefined;

export interface NodeTest {
  readonly op: string;
  readonly inputs: readonly Operand[];
  readonly attributes?: Node['attributes'];
  readonly outputs?: number;
  readonly opset?: number;
}

/** A graph of the one node, and what to feed it with. */
export function graphOf({ op, inputs, attributes = {}, outputs = 1, opset = 20 }: NodeTest): {
  graph: Graph;
  feeds: Feeds;
} {
  const feeds: Feeds = {};
  const initializers = new Map<string, Tensor>();
  const names = inputs.map((operand, i) => {
    if (!operand) return '';
    if ('constant' in operand) initializers.set(`i${i}`, operand.constant);
    else feeds[`i${i}`] = operand;
    return `i${i}`;
  });
  const made = Array.from({ length: outputs }, (_, i) => `o${i}`);
  const graph: Graph = {
    name: op,
    inputs: Object.entries(feeds).map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    // The engine finds the types of outputs itself; a type that is wrong here would be refused by it.
    outputs: made.map((name): ValueInfo => ({ name, dtype: 'float32' })),
    nodes: [{ op, name: 'node', inputs: names, outputs: made, attributes }],
    initializers,
    values: new Map(),
    opset,
  };
  return { graph, feeds };
}
