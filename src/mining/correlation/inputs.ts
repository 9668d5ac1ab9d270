// What a run has seen of its weights and images, so that a resumed one notices when they are not what they were.
// It compares and tells; what is done about it is correlate.ts's.

import { sha256 } from '../../files/hash.ts';
import { toBytes, type Tensor } from '../../graph/tensor.ts';
import type { Prints, Unreadable } from '../../images/source.ts';
import { required } from '../../lookup.ts';
import { centreGraph, type MapSource } from './pass-graph.ts';
import type { MinedModel } from './plan.ts';
import type { Part } from './run-pass.ts';

interface Inputs {
  readonly models: readonly MinedModel[];
  readonly parts: readonly Part[];
}

/**
 * Tells the weights of models apart, by model: SHA-256 over all that their graphs hold, as hexadecimal digits. Those of a
 * generator come before those of the encoders that see its samples, whose graphs hold it too.
 */
export async function weightDigests({ models, parts, maps }: Inputs & { readonly maps: MapSource }): Promise<string[]> {
  const digests: string[] = [];
  const known = new WeakMap<object, Promise<string>>();
  const digestOf = (tensor: Tensor): Promise<string> => {
    // The names of stored weights are those of their content; reading them would keep them in memory.
    if (tensor.stored) return Promise.resolve(`${tensor.stored.file} ${tensor.stored.offset}`);
    const digest = known.get(tensor.data) ?? sha256(toBytes(tensor));
    known.set(tensor.data, digest);
    return digest;
  };
  for (const { source, models: indices } of parts) {
    for (const m of indices.filter((each) => digests[each] === undefined)) {
      const graph = centreGraph(source, 1, models, [m], maps);
      const list: string[] = [];
      for (const [name, tensor] of graph.initializers) list.push(`${name} ${await digestOf(tensor)}`);
      digests[m] = await sha256(list.join('\n'));
    }
  }
  return digests;
}

/** What is saved of the inputs: `weights` by model, `images/N` of each part whose images are in files. */
export function inputGroups(
  digests: readonly string[],
  parts: readonly Part[],
): [string, ReadonlyMap<string, Tensor>][] {
  const text = (value: string): Tensor => ({
    dtype: 'uint8',
    shape: [value.length],
    data: new TextEncoder().encode(value),
  });
  return [
    ['weights', new Map(digests.map((digest, m) => [String(m), text(digest)]))],
    ...printsOf(parts).map(({ prints: { digests: images, stamps }, p }): [string, Map<string, Tensor>] => [
      `images/${p}`,
      new Map<string, Tensor>([
        ['digests', { dtype: 'int64', shape: [images.length], data: images }],
        ['stamps', { dtype: 'float64', shape: [images.length, 2], data: stamps }],
      ]),
    ]),
  ];
}

type Groups = ReadonlyMap<string, ReadonlyMap<string, Tensor>>;

/**
 * Compares inputs with what was saved of them, of the same models and parts. Images whose files have another size or time
 * are read again: a copy is no change.
 * @param unreadable images that could not be read: that they can be now is a change.
 * @returns what has changed since, in words.
 */
export async function changedInputs(
  saved: Groups,
  digests: readonly string[],
  { models, parts, unreadable }: Inputs & { readonly unreadable: readonly Unreadable[] },
): Promise<string[]> {
  const changed: string[] = [];
  const weights = required(saved, 'weights', 'group');
  models.forEach(({ name }, m) => {
    if (new TextDecoder().decode(toBytes(required(weights, String(m), 'digest'))) !== digests[m])
      changed.push(`the weights of ${name}`);
  });
  const lost = new Set(unreadable.map(({ name }) => name));
  for (const { source, prints, p } of printsOf(parts)) {
    const group = required(saved, `images/${p}`, 'group');
    const images = required(group, 'digests', 'tensor').data;
    const stamps = required(group, 'stamps', 'tensor').data;
    for (const [i, digest] of [...images].entries()) {
      if (!digest && !lost.has(source.names[i])) continue;
      const stamp = await prints.stamp(i);
      if (digest && stamp && stamp.size === stamps[2 * i] && stamp.time === stamps[2 * i + 1]) continue;
      if ((await prints.digest(i)) !== digest) changed.push(`${source.names[i]} of ${source.source}`);
    }
  }
  return changed;
}

/** Takes over what was saved, so that what is read again is held against it. */
export function restorePrints(saved: Groups, parts: readonly Part[]): void {
  for (const { prints, p } of printsOf(parts)) {
    const group = required(saved, `images/${p}`, 'group');
    const digests = required(group, 'digests', 'tensor').data;
    const stamps = required(group, 'stamps', 'tensor').data;
    if (digests instanceof BigInt64Array) prints.digests.set(digests);
    if (stamps instanceof Float64Array) prints.stamps.set(stamps);
  }
}

function printsOf(parts: readonly Part[]): { source: Part['source']; prints: Prints; p: number }[] {
  return parts.flatMap(({ source }, p) => (source.prints ? [{ source, prints: source.prints, p }] : []));
}
