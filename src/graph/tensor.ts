// A tensor as plain data: element type, shape and a typed array, row-major and contiguous.
// It is not a view: strides and shared storage are resolved before one is made.

/** Element types, by their NumPy names. `bfloat16` and `float16` data are raw 16-bit patterns. */
export const dtypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] as const;
export type DType = (typeof dtypes)[number];

const dtypeNames = new Set<string>(dtypes);
export const isDType = (name: string): name is DType => dtypeNames.has(name);

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
  /** Where the same bytes lie in a file: then `data` are read when they are asked for, and engines can map them. */
  readonly stored?: StoredData;
}

/** A place in a file of raw little-endian values. */
export interface StoredData {
  readonly folder: string;
  readonly file: string;
  /** In bytes. */
  readonly offset: number;
}

/** A tensor whose data are known to be float32. */
export interface Float32Tensor extends Tensor {
  readonly dtype: 'float32';
  readonly data: Float32Array;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** Bytes of one element. */
export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/** Number of elements of a shape; 1 for a scalar's `[]`. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Bytes of a tensor's data; does not touch them. */
export const byteLengthOf = ({ dtype, shape }: Tensor): number => sizeOf(shape) * bytesPerElement(dtype);

/** A zero-filled array for `length` elements of a type. */
export function allocate(dtype: DType, length: number): TensorData {
  return new arrays[dtype](length);
}

/**
 * The typed array over little-endian bytes. Shares memory when `bytes` is aligned, copies otherwise.
 * @throws RangeError when the byte length is not a multiple of the element size.
 */
export function fromBytes(dtype: DType, bytes: Uint8Array): TensorData {
  const array = arrays[dtype];
  // Not slice(): that of a Node Buffer is a view.
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / array.BYTES_PER_ELEMENT);
}

/** The bytes of a tensor, sharing its memory. */
export const toBytes = (tensor: Tensor): Uint8Array =>
  new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);

/** float32 tensor from numbers; the length must match the shape. */
export function float32(shape: readonly number[], data: Float32Array | readonly number[]): Float32Tensor {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  if (array.length !== sizeOf(shape)) {
    throw new RangeError(`${array.length} values do not fill the shape [${shape.join(', ')}]`);
  }
  return { dtype: 'float32', shape, data: array };
}

/** Elements that are known to be float32. */
export function floats(data: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error(`Internal error: a float32 tensor is expected, not a ${data.constructor.name}`);
}

/** Elements that are known to be float64. */
export function doubles(data: TensorData): Float64Array {
  if (data instanceof Float64Array) return data;
  throw new Error(`Internal error: a float64 tensor is expected, not a ${data.constructor.name}`);
}

/** A 64-bit integer from a number. The numbers that round to 2^63 and beyond stand for the largest one, "to the end". */
export function toInt64(value: number): bigint {
  const exact = BigInt(Math.trunc(value));
  const limit = 2n ** 63n;
  return exact >= limit ? limit - 1n : exact < -limit ? -limit : exact;
}

/** int64 tensor from numbers, 1-D unless a shape is given. */
export function int64(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { dtype: 'int64', shape, data: BigInt64Array.from(values, toInt64) };
}

/** Value of a 16-bit float bit pattern. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halfTable: Float32Array | undefined;

/**
 * The values of a tensor as float32. Returns the tensor's own array when it is float32 already;
 * converts float16, bfloat16, float64, integers and booleans (64-bit integers lose precision above 2^24).
 */
export function toFloat32(tensor: Tensor): Float32Array {
  const { data, dtype } = tensor;
  if (data instanceof Float32Array) return data;
  const out = new Float32Array(data.length);
  if (dtype === 'bfloat16') {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) bits[i] = Number(data[i]) << 16;
  } else if (dtype === 'float16') {
    const table = (halfTable ??= Float32Array.from({ length: 65536 }, (_, i) => halfToFloat(i)));
    for (let i = 0; i < out.length; i++) out[i] = table[Number(data[i])];
  } else {
    for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  }
  return out;
}

/** The values of an integer or boolean tensor as numbers. */
export const toNumbers = (tensor: Tensor): number[] => Array.from<number | bigint, number>(tensor.data, Number);

/** Bit pattern of the 16-bit float nearest to a value; ties go to the even one. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  // In units of the last place; a carry of the fraction runs into the exponent, as it should.
  const units = size / 2 ** (exponent - 10);
  const down = Math.floor(units);
  const rest = units - down;
  const rounded = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
  return sign | (rounded < 1024 ? rounded : ((exponent + 14) << 10) + rounded);
}

/** A float tensor rounded to 16-bit floats. */
export function toHalf(tensor: Tensor): Tensor {
  return { dtype: 'float16', shape: tensor.shape, data: Uint16Array.from(toFloat32(tensor), floatToHalf) };
}

/** Tensor of any type from numbers; integers are truncated, floats rounded. The length must match the shape. */
export function fromNumbers(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(`${values.length} values do not fill the shape [${shape.join(', ')}]`);
  }
  const data = allocate(dtype, values.length);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  values.forEach((value, i) => {
    if (data instanceof BigInt64Array) data[i] = toInt64(value);
    else if (data instanceof BigUint64Array) data[i] = BigInt(Math.trunc(value));
    else if (dtype === 'float16') data[i] = floatToHalf(value);
    else if (dtype === 'bfloat16') {
      float[0] = value;
      data[i] = (bits[0] + 0x7fff + ((bits[0] >> 16) & 1)) >>> 16;
    } else data[i] = dtype === 'bool' ? Number(value !== 0) : value;
  });
  return { dtype, shape, data };
}
