// The assembled kernel: src/mining/screening/kernel.ts is written from kernel.wat by `npm run kernel`.
// What it computes is tested by the sums of pairs.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import wabt from 'wabt';

const path = (name: string) => fileURLToPath(new URL(`../../../src/mining/screening/${name}`, import.meta.url));

it('kernel.ts is what kernel.wat says', async () => {
  const assembler = await wabt();
  const parsed = assembler.parseWat('kernel.wat', readFileSync(path('kernel.wat'), 'utf8'), { simd: true });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  const text = `// The WebAssembly of kernel.wat, assembled by \`npm run kernel\`: base64, so that it needs no loading.
// Not to be edited by hand.

// prettier-ignore
export const kernel =
${(
  Buffer.from(buffer)
    .toString('base64')
    .match(/.{1,116}/g) ?? []
)
  .map((line) => `  '${line}'`)
  .join(' +\n')};
`;
  await expect(text).toMatchFileSnapshot(path('kernel.ts'));
});
