// Tensors from numbers, and 16-bit floats in both directions.

import { describe, expect, it } from 'vitest';
import { floatToHalf, fromBytes, fromNumbers, halfToFloat, toFloat32, toNumbers } from '../../src/graph/tensor.ts';

describe('half precision', () => {
  it('every bit pattern survives the way to a number and back', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = halfToFloat(bits);
      if (Number.isNaN(value)) expect(floatToHalf(value)).toBe(0x7e00);
      else if (floatToHalf(value) !== bits) expect.fail(`${bits} became ${floatToHalf(value)}`);
    }
  });

  it('rounds to nearest, ties to even', () => {
    // Between 1 and 1 + 2^-10; between 1 + 2^-10 and 1 + 2^-9; the largest finite value and half a step beyond.
    const cases = [
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [1 + 2 ** -11 + 2 ** -20, 0x3c01],
      [65519, 0x7bff],
      [65520, 0x7c00],
      [2 ** -25, 0],
      [2 ** -25 + 2 ** -40, 1],
      [2 ** -14 - 2 ** -26, 0x0400],
      [-Infinity, 0xfc00],
      [-0, 0x8000],
    ];
    for (const [value, bits] of cases) expect(floatToHalf(value)).toBe(bits);
  });

  it('bfloat16 rounds to nearest even as well', () => {
    const { data } = fromNumbers('bfloat16', [4], [1 + 2 ** -8, 1 + 3 * 2 ** -8, -2, 3.3895314e38]);
    expect(data).toEqual(Uint16Array.of(0x3f80, 0x3f82, 0xc000, 0x7f7f));
    expect(toFloat32(fromNumbers('bfloat16', [1], [0.5]))).toEqual(Float32Array.of(0.5));
  });
});

describe('fromNumbers', () => {
  it('truncates integers and makes booleans of anything but 0', () => {
    expect(toNumbers(fromNumbers('int64', [3], [1.9, -1.9, 2 ** 53]))).toEqual([1, -1, 2 ** 53]);
    expect(toNumbers(fromNumbers('int32', [2], [1.9, -1.9]))).toEqual([1, -1]);
    expect(toNumbers(fromNumbers('bool', [3], [0, 0.5, -3]))).toEqual([0, 1, 1]);
  });
  it('fills the shape', () => {
    expect(() => fromNumbers('int8', [2, 2], [1])).toThrow('1 values do not fill the shape [2, 2]');
  });
});

describe('fromBytes', () => {
  it('copies misaligned bytes, of a Node Buffer too', () => {
    const buffer = Buffer.alloc(9);
    buffer.writeFloatLE(1.5, 1);
    expect(fromBytes('float32', buffer.subarray(1, 5))).toEqual(Float32Array.of(1.5));
  });
});
