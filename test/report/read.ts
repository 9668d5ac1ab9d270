// Reads a report back without the page's own code: Node's base64 and zlib on the text of its elements.
// For tests only.

import { inflateSync } from 'node:zlib';
import type { Packed } from '../../src/report/payload.ts';

/** The bytes of a block of a page. */
export function blockOf(html: string, id: string, deflated: boolean): Buffer {
  const match = new RegExp(`<script type="text/plain" id="${id}">([A-Za-z0-9+/=]*)</script>`).exec(html);
  if (!match) throw new Error(`the page has no block ${id}`);
  const bytes = Buffer.from(match[1], 'base64');
  return deflated ? inflateSync(bytes) : bytes;
}

/** The bytes of all blocks of a stream. */
export function streamOf(html: string, name: string, deflated: boolean): Buffer {
  const count = html.split(`<script type="text/plain" id="${name}-`).length - 1;
  return Buffer.concat(Array.from({ length: count }, (_, i) => blockOf(html, `${name}-${i}`, deflated)));
}

export const packedOf = (html: string): Packed => JSON.parse(blockOf(html, 'data', true).toString('utf8')) as Packed;

/** Full unit names, by number: counted off here, as payload.ts says. */
export const unitNames = (packed: Packed): string[] =>
  packed.models.flatMap(({ name, layers }) =>
    layers.flatMap(({ layer, channels }) => Array.from({ length: channels }, (_, i) => `${name}/${layer}/${i}`)),
  );
