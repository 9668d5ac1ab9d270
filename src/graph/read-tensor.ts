// Reads one tensor of an ONNX file, from raw bytes, typed fields or the file beside the model.
// Bytes that are stored as they are needed are shared, not copied.

import { TensorProto_DataLocation, TensorProto_DataType } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';
import { UserError } from '../errors.ts';
import { dtypeOf } from './onnx-types.ts';
import { allocate, bytesPerElement, fromBytes, sizeOf } from './tensor.ts';
import type { DType, Tensor } from './tensor.ts';

export interface ReadOptions {
  /** Bytes of a file beside the model, `length` of them (all that follow if undefined) from `offset` on. */
  readonly external?: (location: string, offset: number, length: number | undefined) => Uint8Array;
}

/**
 * @param label what the tensor is, for messages: `weight "conv1.weight"`.
 * @throws UserError when its type is not supported or its data do not fill its shape.
 */
export function readTensor(proto: TensorProto, label: string, options: ReadOptions): Tensor {
  const dtype = dtypeOf(proto.dataType);
  if (!dtype) {
    const name = TensorProto_DataType[proto.dataType] ?? String(proto.dataType);
    throw new UserError(`The ${label} in the ONNX model has elements of type ${name}, which is not supported.`);
  }
  if (proto.segment)
    throw new UserError(`The ${label} in the ONNX model is stored in segments, which is not supported.`);
  const shape = proto.dims.map(Number);
  const size = sizeOf(shape);
  if (shape.some((d) => d < 0) || !Number.isSafeInteger(size)) {
    throw new UserError(`The ${label} in the ONNX model has the impossible shape [${shape.join(', ')}].`);
  }
  const fill = (count: number, unit: string, needed: number) => {
    if (count === needed) return;
    throw new UserError(
      `The ${label} in the ONNX model has ${count} ${unit}, but its shape [${shape.join(', ')}] (${dtype}) needs ${needed}. ` +
        'The file is damaged; fetch or export it again.',
    );
  };
  const byteLength = size * bytesPerElement(dtype);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const bytes = externalBytes(proto, label, byteLength, options);
    fill(bytes.byteLength, 'bytes', byteLength);
    return { dtype, shape, data: fromBytes(dtype, bytes) };
  }
  const fields = typedField(proto, dtype);
  if (proto.rawData.byteLength > 0 || fields.length === 0) {
    fill(proto.rawData.byteLength, 'bytes', byteLength);
    return { dtype, shape, data: fromBytes(dtype, proto.rawData) };
  }
  fill(fields.length, 'values', size);
  const data = allocate(dtype, size);
  // Narrow types wrap around: 16-bit floats are stored as the unsigned numbers of their bits, int8 sign-extended.
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) fields.forEach((v, i) => (data[i] = BigInt(v)));
  else fields.forEach((v, i) => (data[i] = dtype === 'bool' ? Number(Boolean(v)) : Number(v)));
  return { dtype, shape, data };
}

function typedField(proto: TensorProto, dtype: DType): readonly (number | bigint)[] {
  if (dtype === 'float32') return proto.floatData;
  if (dtype === 'float64') return proto.doubleData;
  if (dtype === 'int64') return proto.int64Data;
  if (dtype === 'uint32' || dtype === 'uint64') return proto.uint64Data;
  return proto.int32Data;
}

function externalBytes(proto: TensorProto, label: string, byteLength: number, options: ReadOptions): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = checkLocation(entries.get('location') ?? '', label);
  const offset = Number(entries.get('offset') ?? 0);
  const length = entries.has('length') ? Number(entries.get('length')) : byteLength;
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== byteLength) {
    throw new UserError(
      `The ${label} needs ${byteLength} bytes of "${location}", but the ONNX model says ` +
        `${entries.get('length')} from offset ${entries.get('offset')}. The file is damaged; fetch or export it again.`,
    );
  }
  if (!options.external) {
    throw new UserError(
      `The ${label} of the ONNX model is kept in the file "${location}" beside it; open the model from its folder ` +
        '(option `external`) or save it as one file.',
    );
  }
  return options.external(location, offset, length);
}

/** A relative path that stays in its folder, with forward slashes. */
function checkLocation(location: string, label: string): string {
  const parts = location.replaceAll('\\', '/').split('/');
  const drive = /^[a-z]:/i.test(location);
  if (location === '' || parts[0] === '' || drive || parts.includes('..') || location.includes('\0')) {
    throw new UserError(
      `The ${label} of the ONNX model is kept in "${location}", which is not a path inside the model's folder. ` +
        'Such a file may be made to read others of yours; do not use it unless you know where it comes from.',
    );
  }
  return parts.filter((part) => part !== '.' && part !== '').join('/');
}
