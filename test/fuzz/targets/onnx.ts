// ONNX files: read, brought to the operator set of the builders, shapes inferred, and opened as models.
// None is run.

import fc from 'fast-check';
import { GraphBuilder, inferShapes, readOnnx, upgradeGraph, writeOnnx, type Graph } from '../../../src/graph/index.ts';
import { float32 } from '../../../src/graph/tensor.ts';
import { modelFromGraph } from '../../../src/zoo/onnx/onnx.ts';
import { changed } from '../generators/bytes.ts';
import { changedProtobuf } from '../generators/protobuf.ts';
import type { Target } from '../target.ts';

/** A small network of most kinds of operators whose shapes are inferred by hand. */
function network(): Graph {
  const b = new GraphBuilder({ name: 'net' });
  const weights = (shape: number[]): ReturnType<typeof float32> =>
    float32(shape, new Float32Array(shape.reduce((a, c) => a * c, 1)).fill(0.1));
  const x = b.input('x', [1, 3, 8, 8]);
  const c = b.relu(b.conv(x, b.constant(weights([8, 3, 3, 3]), 'w'), undefined, { pads: [1, 1, 1, 1], strides: [2, 2] }, 'c')); // prettier-ignore
  const tokens = b.transpose(b.reshape(c, [1, 8, 16]), [0, 2, 1]);
  const hidden = b.matmul(tokens, b.constant(weights([8, 16]), 'm'));
  const parts = b.split(hidden, [8, 8], 2);
  const joined = b.concat([parts[1], parts[0]], 2);
  b.output(b.add(joined, hidden), 'y');
  return b.build();
}

const small = writeOnnx(network()).model;

function open(graph: Graph): void {
  const { model } = modelFromGraph(graph, { name: 'm' });
  const b = new GraphBuilder({ name: 'built' });
  const { height, width } = model.card.input;
  if (height * width <= 256 ** 2) model.addTo(b, b.input('x', [2, 3, height, width]));
}

export const onnx: readonly Target[] = [
  {
    name: 'onnx',
    prepare: () => ({
      inputs: fc.oneof(changed([small]), { weight: 3, arbitrary: changedProtobuf([small]) }),
      read: (bytes) => inferShapes(upgradeGraph(readOnnx(bytes))),
    }),
  },
  {
    name: 'onnx-model',
    prepare: () => ({
      inputs: fc.oneof(changed([small]), { weight: 3, arbitrary: changedProtobuf([small]) }),
      read: (bytes) => open(readOnnx(bytes)),
    }),
  },
];
