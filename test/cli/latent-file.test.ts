// Files of latents as commands take them: what their metadata tell, and metadata that are damaged.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { safetensorsChunks } from '../../src/files/safetensors.ts';
import { readLatent } from '../../src/cli/search/latent-file.ts';
import { UserError } from '../../src/errors.ts';
import { float32 } from '../../src/graph/tensor.ts';

async function latentsWith(metadata: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latents-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'z.safetensors');
  const tensors = new Map([['z', float32([2, 3], [1, 2, 3, 4, 5, 6])]]);
  await writeFile(path, Buffer.concat(safetensorsChunks(tensors, metadata)));
  return path;
}

it('tells how exemplars were drawn', async () => {
  const recipe = JSON.stringify({ generator: 'g', truncation: 0.5, classes: [2, 7], noise: null });
  const { latents, metadata } = await readLatent(`${await latentsWith({ recipe, samples: '[0,1]' })}#1`);
  expect([...latents.z!.data]).toEqual([4, 5, 6]);
  expect(metadata).toMatchObject({ generator: 'g', truncation: '0.5', classes: '[2,7]', noise: 'null' });
});

it.each(['', '{', 'null', '7', '"text"', '[1]', '{"a":'.repeat(101)])(
  'names a file whose recipe is %j',
  async (recipe) => {
    const path = await latentsWith({ recipe });
    const reading = readLatent(path);
    await expect(reading).rejects.toThrow(UserError);
    await expect(reading).rejects.toThrow(`${path} is damaged: "recipe" in its metadata is not a JSON object`);
  },
);

it('survives a recipe whose values have no text of their own', async () => {
  const { metadata } = await readLatent(await latentsWith({ recipe: '{"a":{"toString":1}}' }));
  expect(metadata.a).toBe('{"toString":1}');
});
