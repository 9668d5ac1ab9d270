// A cursor over pickled bytes: numbers, strings and lines in pickle's encodings, with every length checked.
// It knows no opcode: those are in pickle.ts.

import { UserError } from '../../errors.ts';
import type { ByteSource } from '../../files/source.ts';
import type { TreeBytes } from '../tree.ts';

/** Not a fault of the file: the bytes up to `end` are needed, and are not in the window. */
export class PickleWindow extends Error {
  readonly end: number;

  constructor(end: number) {
    super(`bytes up to ${end} are needed`);
    this.end = end;
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Longer integers than 4,096 bytes have no use in a checkpoint and cost quadratic time to read. */
const maxIntegerBytes = 4096;

/** What is kept in memory of one pickle. Tensors' data do not count: those of checkpoints are a few megabytes. */
export const maxPickleBytes = 256 * 2 ** 20;

/** Longer byte strings are left in the file, all but their first bytes: enough for the head of a tensor's file. */
const maxBytesHeld = 32768;
const headBytes = 4096;

/** Names of classes and decimal numbers are lines; texts are, in protocols 0 and 1 only. */
const maxLineBytes = 2 ** 20;

/** One character a byte. (TextDecoder's latin1 is windows-1252, which is not reversible.) */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

const simplest = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export class PickleBytes {
  readonly name: string;
  /** From the source's beginning, as all places here. */
  position: number;
  /** Bytes of the whole source. */
  readonly #size: number;
  /** Whether only a window of the source is in memory. */
  readonly #windowed: boolean;
  #bytes: Uint8Array;
  #view: DataView;
  /** The place of the window's first byte. */
  #base = 0;
  #held = 0;

  /** @param bytes the whole source; none when `fill` will bring them. */
  constructor(name: string, size: number, position: number, bytes?: Uint8Array) {
    this.name = name;
    this.#size = size;
    this.position = position;
    this.#windowed = !bytes;
    this.#bytes = bytes ?? new Uint8Array();
    this.#view = viewOf(this.#bytes);
  }

  /** Moves the window to the position and up to `end` or further. */
  async fill(source: ByteSource, end: number, window: number): Promise<void> {
    const wanted = end - this.position;
    if (wanted > maxPickleBytes) this.#refuse();
    this.#bytes = await source.read(this.position, Math.min(Math.max(wanted, window), this.#size - this.position));
    this.#view = viewOf(this.#bytes);
    this.#base = this.position;
  }

  /** @throws UserError saying what is wrong, and where. */
  fail(reason: string): never {
    throw new UserError(
      `${this.name}: the pickled objects are damaged near byte ${this.position} (${reason}). Download the file again.`,
    );
  }

  #refuse(): never {
    throw new UserError(
      `${this.name}: its pickled objects take more than ${maxPickleBytes} bytes beside tensors, so it was not read.`,
    );
  }

  #truncated(): never {
    throw new UserError(
      `${this.name} ends after ${this.#size} bytes, in the middle of its data: it is truncated. Download it again.`,
    );
  }

  /** Passes over the next bytes; where they are in the window. */
  #advance(count: number): number {
    const end = this.position + count;
    if (end > this.#size) this.#truncated();
    if (end > this.#base + this.#bytes.length) throw new PickleWindow(end);
    const at = this.position - this.#base;
    this.position = end;
    return at;
  }

  u8 = (): number => this.#bytes[this.#advance(1)];
  u16 = (): number => this.#view.getUint16(this.#advance(2), true);
  u32 = (): number => this.#view.getUint32(this.#advance(4), true);
  i32 = (): number => this.#view.getInt32(this.#advance(4), true);
  f64 = (): number => this.#view.getFloat64(this.#advance(8), false);
  /** A 64-bit count. Beyond 2^53 it loses digits, which no file is long enough to notice. */
  u64 = (): number => Number(this.#view.getBigUint64(this.#advance(8), true));

  /** The next bytes, sharing the window's memory. */
  #take(count: number): Uint8Array {
    const at = this.#advance(count);
    this.#held += count;
    if (this.#held > maxPickleBytes) this.#refuse();
    return this.#bytes.subarray(at, at + count);
  }

  /** The next bytes, or their place when they are many. They share the memory of a source that is in memory. */
  byteString(count: number): Uint8Array | TreeBytes {
    if (!this.#windowed) return this.#take(count);
    if (count <= maxBytesHeld) return this.#take(count).slice();
    const start = this.position;
    if (start + count > this.#size) this.#truncated();
    const head = this.#take(headBytes).slice();
    this.position = start + count;
    return { kind: 'bytes', start, size: count, head };
  }

  text = (count: number): string => utf8.decode(this.#take(count));
  /** One character a byte, as Python 2's strings are read. */
  byteText = (count: number): string => latin1(this.#take(count));

  /** One character a byte, up to the next line feed, which is passed over. */
  line(): string {
    const at = this.position - this.#base;
    const end = at > this.#bytes.length ? -1 : this.#bytes.indexOf(10, at);
    if (end < 0) {
      const have = Math.max(this.#bytes.length - at, 0);
      if (this.position + have >= this.#size) this.#truncated();
      if (have > maxLineBytes) this.fail(`a line of more than ${maxLineBytes} bytes`);
      throw new PickleWindow(Math.min(this.position + 2 * have + 1, this.#size));
    }
    const text = this.byteText(end - at);
    this.position++;
    return text;
  }

  /** A little-endian integer in two's complement. */
  integer(count: number): number | bigint {
    if (count > this.#size - this.position) this.#truncated();
    if (count > maxIntegerBytes) this.fail(`an integer of ${count} bytes`);
    const digits = this.#take(count);
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
