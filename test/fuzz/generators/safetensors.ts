// Safetensors files whose header is wrong: shapes, offsets and types that no writer makes.
// Wrong bytes are made by bytes.ts.

import fc, { type Arbitrary } from 'fast-check';
import { alsoChanged, changed, joined, number } from './bytes.ts';
import { changedJsonText } from './json.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Any of `seeds` with its header's fields or its bytes changed. */
export function changedSafetensors(seeds: readonly Uint8Array[]): Arbitrary<Uint8Array> {
  const parts = seeds.map((bytes) => {
    const end = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    return { header: JSON.parse(text(bytes.subarray(8, end))) as unknown, data: bytes.subarray(end) };
  });
  const files = parts.map(({ header, data }) =>
    changedJsonText([header]).map((json) => {
      const bytes = new TextEncoder().encode(json);
      return joined(number(BigInt(bytes.length), 8, true), bytes, data);
    }),
  );
  return fc.oneof(alsoChanged(fc.oneof(...files)), changed(seeds));
}
