// Kept values with a hash over them: what is damaged, if by one letter, is not taken for what was kept.

import { expect, it } from 'vitest';
import { sealed, unsealed } from '../../src/files/sealed.ts';

it('gives back what was kept, and nothing of a text that is damaged', async () => {
  const value = { r: 0.25, names: ['größer', 'b'], none: null };
  const text = await sealed(value);
  expect(await unsealed(text)).toEqual(value);
  for (let at = 0; at < text.length; at++) {
    const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
    expect(await unsealed(flipped)).toBeUndefined();
    expect(await unsealed(text.slice(0, at))).toBeUndefined();
  }
  for (const other of ['', '[]', '7', 'null', '{}', '{"value": 1}', JSON.stringify(value)]) {
    expect(await unsealed(other)).toBeUndefined();
  }
});
