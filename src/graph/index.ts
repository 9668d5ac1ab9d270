// ONNX graphs as plain data: build them, read and write them, infer shapes, cut out, join and rename.
// Nothing here runs a graph (runtime/) or differentiates it (autodiff/), and nothing knows a model (zoo/).

export type { Attribute, AttributeValues, Dim, Graph, Node, ValueInfo } from './graph.ts';
export type { DType, Float32Tensor, StoredData, Tensor, TensorData } from './tensor.ts';
export {
  allocate,
  byteLengthOf,
  bytesPerElement,
  float32,
  fromBytes,
  fromNumbers,
  int64,
  sizeOf,
  toBytes,
  toFloat32,
  toNumbers,
} from './tensor.ts';
export { float, floats, int, ints, string } from './attributes.ts';
export { GraphBuilder } from './builder.ts';
export type { ConvOptions, Operand, PoolOptions, ResizeOptions, Value } from './builder.ts';
export { operators } from './operators/index.ts';
export type { Known, OperatorRule } from './operators/index.ts';
export { bindDimensions, inferShapes, inferValues } from './infer.ts';
export type { Bindings } from './infer.ts';
export { readOnnx } from './read.ts';
export type { ReadOptions } from './read.ts';
export { writeOnnx } from './write.ts';
export type { WriteOptions, WrittenModel } from './write.ts';
export { checkGraph } from './check.ts';
export { addOutputs, extractSubgraph, joinGraphs, renameValues } from './edit.ts';
export { pruneGraph } from './prune.ts';
export { upgradeGraph } from './upgrade.ts';
export { multiplyAdds, totalMultiplyAdds, type Cost } from './cost.ts';
export { listLayers } from './layers.ts';
export type { Layer } from './layers.ts';
export { resample, resampleMatrix, timesLeft, timesRight, transposed, type ResampleOptions } from './resample.ts';
