// Bytes as text inside a page: base64 blocks in inert script elements, made one at a time.
// It does not know what the bytes mean.

import { zlibSync } from 'fflate';

/** Bytes that are turned to text at once: a multiple of 3, so that the pieces join, and few enough for one call. */
const piece = 0x6000;

/** Base64 (RFC 4648, with padding) of the bytes. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += piece) {
    text += btoa(String.fromCharCode(...bytes.subarray(start, start + piece)));
  }
  return text;
}

/**
 * An element that holds bytes: a script of a type that no browser runs. Base64 has no `<`, so it cannot end early.
 * @param id of the element; a plain word
 * @param deflate compress with zlib first; for what is not compressed yet
 */
export function block(id: string, bytes: Uint8Array, deflate: boolean): string {
  return `<script type="text/plain" id="${id}">${base64(deflate ? zlibSync(bytes) : bytes)}</script>\n`;
}

/** Cuts a stream, given in parts, into blocks `<name>-0`, `<name>-1`, ... of `size` bytes; holds one block at a time. */
export function* blocks(name: string, parts: Iterable<Uint8Array>, size: number, deflate: boolean): Generator<string> {
  const held = new Uint8Array(size);
  let filled = 0;
  let index = 0;
  for (const part of parts) {
    for (let start = 0; start < part.length;) {
      const taken = part.subarray(start, start + size - filled);
      held.set(taken, filled);
      filled += taken.length;
      start += taken.length;
      if (filled < size) continue;
      yield block(`${name}-${index++}`, held, deflate);
      filled = 0;
    }
  }
  if (filled > 0) yield block(`${name}-${index}`, held.subarray(0, filled), deflate);
}
