// What running a graph costs, from its shapes alone: multiply-adds of its products.
// Element-wise work and memory traffic are not counted.

import type { Graph, Node } from './graph.ts';
import { inferShapes } from './infer.ts';
import { sizeOf } from './tensor.ts';

/** Multiply-adds by operator; only operators that are products occur. */
export type Cost = Readonly<Record<string, number>>;

/**
 * Multiply-adds of the convolutions and matrix products of a graph with known shapes. Twice as many floating point
 * operations are usually said of it.
 */
export function multiplyAdds(graph: Graph): Cost {
  const inferred = inferShapes(graph);
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape } of [...inferred.inputs, ...inferred.values.values(), ...inferred.outputs]) {
    if (shape?.every((d) => typeof d === 'number')) shapes.set(name, shape);
  }
  for (const [name, { shape }] of inferred.initializers) shapes.set(name, shape);
  const cost: Record<string, number> = {};
  for (const node of inferred.nodes) {
    const count = productsOf(node, (name) => shapes.get(name));
    if (count) cost[node.op] = (cost[node.op] ?? 0) + count;
  }
  return cost;
}

export const totalMultiplyAdds = (graph: Graph): number =>
  Object.values(multiplyAdds(graph)).reduce((sum, value) => sum + value, 0);

function productsOf(
  { op, inputs, outputs, attributes }: Node,
  shapeOf: (name: string) => readonly number[] | undefined,
): number {
  const [x, w, y] = [shapeOf(inputs[0]), shapeOf(inputs[1] ?? ''), shapeOf(outputs[0])];
  if (!x || !w || !y) return 0;
  switch (op) {
    case 'Conv': // each output sums over the input channels of its group and the kernel
      return sizeOf(y) * sizeOf(w.slice(1));
    case 'ConvTranspose': // each input goes to the output channels of its group and the kernel
      return sizeOf(x) * sizeOf(w.slice(1));
    case 'MatMul':
      return sizeOf(y) * x[x.length - 1];
    case 'Gemm': {
      const transposed = attributes.transA && 'int' in attributes.transA && attributes.transA.int === 1;
      return sizeOf(y) * x[transposed ? 0 : 1];
    }
    default:
      return 0;
  }
}
