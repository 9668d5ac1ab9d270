// Writes pickles by hand: each function gives the opcodes that leave one value on the stack.
// It reads nothing, and shares no code with the reader.

import { ascii, concat } from './fixtures.ts';

export type Code = Uint8Array | string;

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const none: Code = 'N';
export const int = (value: number): Code => concat('J', new Uint8Array(Int32Array.of(value).buffer));
export const text = (value: string): Code => concat('X', u32(utf8(value).length), utf8(value));
export const bytes = (value: Uint8Array): Code => concat('B', u32(value.length), value);
export const bytes8 = (value: Uint8Array): Code => concat('\x8e', u64(BigInt(value.length)), value);
export const global = (module: string, name: string): Code => `c${module}\n${name}\n`;
export const tuple = (...items: Code[]): Code => concat('(', ...items, 't');
export const list = (...items: Code[]): Code => concat('](', ...items, 'e');
export const dict = (entries: Record<string, Code>): Code =>
  concat('}(', ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), 'u');
export const call = (callable: Code, ...args: Code[]): Code => concat(callable, tuple(...args), 'R');
export const put = (index: number, value: Code): Code => concat(value, 'r', u32(index));
export const get = (index: number): Code => concat('j', u32(index));
export const repeat = (code: string, count: number): Uint8Array =>
  new Uint8Array(Buffer.alloc(code.length * count, code, 'latin1'));

/** A whole pickle. */
export const pickle = (value: Code, protocol = 3): Uint8Array => concat('\x80', Uint8Array.of(protocol), value, '.');

/** The legacy torch file of one float32 storage. @param count elements that it claims, and `inside` what it consists of. */
export function storageFile(values: readonly number[], count = values.length, inside?: Code): Uint8Array {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  const id = concat('(', text('storage'), global('torch', 'FloatStorage'), text('7'), text('cpu'), int(count), 'NtQ');
  return concat(
    '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.',
    '\x80\x02M\xe9\x03.',
    '\x80\x02}.',
    pickle(inside ?? id, 2),
    pickle(list(text('7')), 2),
    u64(BigInt(count)),
    data,
  );
}

export const loadFromBytes = (file: Code): Code => call(global('torch.storage', '_load_from_bytes'), file);

/** A contiguous tensor. @param storage by default an embedded file of `values`. */
export function tensor(values: readonly number[], shape: readonly number[] = [values.length], storage?: Code): Code {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage ?? loadFromBytes(bytes(storageFile(values))),
    int(0),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    '\x89',
    dict({}),
  );
}

/** An object of torch_utils.persistence. */
export const persistent = (className: string, state: Code): Code =>
  call(
    global('torch_utils.persistence', '_reconstruct_persistent_obj'),
    dict({
      ...{ type: text('class'), version: int(6), module_src: text('raise SystemExit'), class_name: text(className) },
      ...{ state },
    }),
  );

/** The state of a module. */
export const moduleState = (
  parts: { parameters?: Record<string, Code>; buffers?: Record<string, Code>; modules?: Record<string, Code> },
  attributes: Record<string, Code> = {},
): Code =>
  dict({
    _parameters: dict(parts.parameters ?? {}),
    _buffers: dict(parts.buffers ?? {}),
    _modules: dict(parts.modules ?? {}),
    ...attributes,
  });

const dtype = (type: string): Code =>
  concat(
    call(global('numpy', 'dtype'), text(type), '\x89', '\x88'),
    tuple(int(3), text('<'), none, none, none, int(-1), int(-1), int(0)),
    'b',
  );
export const numpyScalar = (type: string, value: Uint8Array, module = 'numpy.core'): Code =>
  call(global(`${module}.multiarray`, 'scalar'), dtype(type), bytes(value));
/** @param data a byte string, or what stands in its place. */
export const numpyArray = (type: string, shape: readonly Code[], data: Code, module = 'numpy.core'): Code =>
  concat(
    call(global(`${module}.multiarray`, '_reconstruct'), global('numpy', 'ndarray'), tuple(int(0)), bytes(ascii('b'))),
    tuple(int(1), tuple(...shape), dtype(type), '\x89', data),
    'b',
  );
