// What the tests of this room share: where the fixtures are, and plain forms of what is read from them.
// No test is in it.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { bytesSource, openCheckpoint, type Checkpoint } from '../../src/checkpoint/index.ts';
import { toBytes } from '../../src/graph/tensor.ts';
import { UserError } from '../../src/errors.ts';

export const golden = fileURLToPath(new URL('../golden/', import.meta.url));
export const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** A file of test/golden, in memory. */
export const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(golden + name));

export const openBytes = (bytes: Uint8Array, name = 'some.pth'): Promise<Checkpoint> =>
  openCheckpoint(bytesSource(name, bytes));
export const openGolden = (name: string): Promise<Checkpoint> => openBytes(bytesOf(name), name);

/** Every tensor with its type, shape and bytes in hexadecimal. */
export async function contents(checkpoint: Checkpoint): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const [name, ref] of checkpoint.tensors) {
    const tensor = await ref.load();
    if (tensor.dtype !== ref.dtype || tensor.shape !== ref.shape)
      throw new Error(`${name} is not what it claims to be`);
    all[name] = [tensor.dtype, tensor.shape, Buffer.from(toBytes(tensor)).toString('hex')];
  }
  return all;
}

/** As test/golden/checkpoint/read.py writes it. */
export async function digest(checkpoint: Checkpoint): Promise<{ tensors: number; sha256: string }> {
  const lines: string[] = [];
  for (const ref of checkpoint.tensors.values()) {
    const tensor = await ref.load();
    lines.push(`${ref.name} ${tensor.dtype} [${tensor.shape.join(', ')}] ${crc32(toBytes(tensor))}\n`);
  }
  return { tensors: lines.length, sha256: createHash('sha256').update(lines.sort().join('')).digest('hex') };
}

/** The message of the UserError that a promise ends in; anything else is a failure. */
export async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error('an error was expected');
}

/** The names of a file's tensors, all of which can be loaded, or the message that this ends in. */
export async function outcome(bytes: Uint8Array): Promise<string | string[]> {
  try {
    return Object.keys(await contents(await openBytes(bytes)));
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

export const messageIn = (action: () => unknown): Promise<string> => messageOf(Promise.resolve().then(action));

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

export function concat(...parts: (Uint8Array | string)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? ascii(part) : part))));
}

/** Reproducible numbers in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
