// Files with bytes missing or changed: each is a checkpoint or a UserError, never another error, never much memory.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { networkPath, pickledModules } from '../../src/checkpoint/index.ts';
import { bytesOf, contents, openBytes, random } from './fixtures.ts';
import * as w from './pickle-writer.ts';

const names = [
  'tensors.pth',
  'tensors-deflated.pth',
  'tensors-zip64.pth',
  'tensors-protocol5.pth',
  'tensors-legacy.pth',
  'objects.pth',
  'objects-legacy.pth',
  'tensors.safetensors',
];

/** 'read', or the message; anything but a UserError is thrown on. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    const checkpoint = await openBytes(bytes);
    await contents(checkpoint);
    pickledModules(checkpoint, networkPath(checkpoint));
    return 'read';
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

const generator = w.persistent(
  'Generator',
  w.moduleState(
    { parameters: { weight: w.tensor([1, 2, 3, 4], [2, 2]) }, buffers: { filter: w.tensor([1]) } },
    { gain: w.numpyScalar('f8', new Uint8Array(8)), size: w.numpyArray('i8', [w.int(1)], w.bytes(new Uint8Array(8))) },
  ),
);
const files: [string, Uint8Array][] = [
  ...names.map((name): [string, Uint8Array] => [name, bytesOf(`checkpoint/${name}`)]),
  ['a StyleGAN pickle', w.pickle(w.dict({ G_ema: generator }))],
];

describe.each(files)('%s', (name, bytes) => {
  it('cut off anywhere is an error that names the file', async () => {
    expect(await outcome(bytes)).toBe('read');
    for (let length = 0; length < bytes.length; length += length < 300 ? 1 : 23) {
      expect(await outcome(bytes.slice(0, length))).toContain('some.pth');
    }
  });

  it('with bytes changed, inserted or removed at random is read or is an error that names the file', async () => {
    const next = random(name.length);
    const before = process.memoryUsage.rss();
    let errors = 0;
    for (let round = 0; round < 300; round++) {
      const changed = [...bytes];
      for (let i = Math.floor(next() * 4); i >= 0; i--) {
        const at = Math.floor(next() * changed.length);
        const kind = next();
        if (kind < 0.4) changed[at] = Math.floor(next() * 256);
        else if (kind < 0.7) changed[at] ^= 1 << Math.floor(next() * 8);
        else if (kind < 0.85) changed.splice(at, Math.floor(next() * 20));
        else changed.splice(at, 0, ...Array.from({ length: 8 }, () => Math.floor(next() * 256)));
      }
      const found = await outcome(Uint8Array.from(changed));
      if (found !== 'read') {
        errors++;
        expect(found).toContain('some.pth');
      }
    }
    expect(errors).toBeGreaterThan(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(5e8);
  });
});
