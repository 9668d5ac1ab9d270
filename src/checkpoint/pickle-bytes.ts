// A cursor over pickled bytes: numbers, strings and lines in pickle's encodings, with every length checked.
// It knows no opcode: those are in pickle.ts.

import { UserError } from '../errors.ts';

/** The bytes end before the pickle does. `needed` is how many bytes would have to be there. */
export class PickleTruncated extends UserError {
  readonly needed: number;

  constructor(name: string, needed: number, have: number) {
    super(`${name} ends after ${have} bytes, in the middle of its data: it is truncated. Download it again.`);
    this.needed = needed;
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Longer integers than 4,096 bytes have no use in a checkpoint and cost quadratic time to read. */
const maxIntegerBytes = 4096;

/** One character a byte. (TextDecoder's latin1 is windows-1252, which is not reversible.) */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

const simplest = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;

export class PickleBytes {
  readonly name: string;
  position: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(name: string, bytes: Uint8Array, position: number) {
    this.name = name;
    this.bytes = bytes;
    this.position = position;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws UserError saying what is wrong, and where. */
  fail(reason: string): never {
    throw new UserError(
      `${this.name}: the pickled objects are damaged near byte ${this.position} (${reason}). Download the file again.`,
    );
  }

  private advance(count: number): number {
    const at = this.position;
    if (count > this.bytes.length - at) throw new PickleTruncated(this.name, at + count, this.bytes.length);
    this.position += count;
    return at;
  }

  u8 = (): number => this.bytes[this.advance(1)];
  u16 = (): number => this.view.getUint16(this.advance(2), true);
  u32 = (): number => this.view.getUint32(this.advance(4), true);
  i32 = (): number => this.view.getInt32(this.advance(4), true);
  f64 = (): number => this.view.getFloat64(this.advance(8), false);
  /** A 64-bit count. Beyond 2^53 it loses digits, which no file is long enough to notice. */
  u64 = (): number => Number(this.view.getBigUint64(this.advance(8), true));

  /** The next bytes, sharing the pickle's memory. */
  take(count: number): Uint8Array {
    const at = this.advance(count);
    return this.bytes.subarray(at, at + count);
  }

  text = (count: number): string => utf8.decode(this.take(count));

  /** One character a byte, up to the next line feed, which is passed over. */
  line(): string {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw new PickleTruncated(this.name, this.bytes.length + 1, this.bytes.length);
    const text = latin1(this.take(end - this.position));
    this.position++;
    return text;
  }

  /** A little-endian integer in two's complement. */
  integer(count: number): number | bigint {
    const digits = this.take(count);
    if (count > maxIntegerBytes) this.fail(`an integer of ${count} bytes`);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
    return simplest(BigInt.asIntN(count * 8, value));
  }

  /** A decimal integer on a line of its own; Python's long integers end with an L. */
  decimal(): number | bigint {
    const line = this.line().trim();
    if (line.length > maxIntegerBytes || !/^[+-]?\d+L?$/.test(line)) this.fail('a malformed integer');
    return simplest(BigInt(line.replace(/^\+|L$/g, '')));
  }
}
