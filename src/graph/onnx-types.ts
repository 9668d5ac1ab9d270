// ONNX's numbers for element types, and the types of tensor.ts that they stand for.
// Types that a tensor here cannot hold (strings, complex, 8-bit and 4-bit floats) have no entry.

import { dtypes, type DType } from './tensor.ts';

/** TensorProto.DataType of each element type. */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const byNumber = new Map(dtypes.map((dtype) => [dataTypes[dtype], dtype]));

/** The element type of a TensorProto.DataType, undefined for one that is not supported. */
export const dtypeOf = (dataType: number): DType | undefined => byNumber.get(dataType);
