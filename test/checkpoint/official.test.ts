// The files that people download, in small: against an independent reading with Python's pickle and NumPy (exact),
// against each other, and against the names in the official code.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stateDict, type Checkpoint } from '../../src/checkpoint/index.ts';
import { openFile } from '../../src/checkpoint/node.ts';
import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { bytesOf, contents, digest, golden, openGolden, shared } from './fixtures.ts';

const official = JSON.parse(Buffer.from(bytesOf('checkpoint/official.json')).toString()) as Record<string, unknown>;
/** `[name, shape, type]` of every tensor of a full-size network, in the order of its code. */
const fullNames = (path: string, network: string): string[] =>
  (readJson(path)[network] as { state_dict: [string, number[], string][] }).state_dict.map(([name]) => name);
const readJson = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;

/** Opens a file of ../shared, and closes it when the test is done with it. */
async function using<T>(path: string, test: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const file = await openFile(path);
  try {
    return await test(await openCheckpoint(file));
  } finally {
    await file.close();
  }
}

/** Types and shapes of the network's tensors. */
const outline = (checkpoint: Checkpoint): Record<string, unknown> =>
  Object.fromEntries([...stateDict(checkpoint)].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));

describe('every tensor as Python reads it', () => {
  for (const [name, expected] of Object.entries(official)) {
    const own = golden + name.replace(/^golden\//, '');
    const path = existsSync(own) ? own : shared + name;
    it.skipIf(!existsSync(path))(`${name} (skipped without ../shared)`, async () => {
      expect(await using(path, digest)).toEqual(expected);
    });
  }
});

describe('one network in several files', () => {
  it('torchvision ResNet-50: zip, legacy and torch 0.3', async () => {
    const zip = await contents(await openGolden('torchvision_resnet50/resnet50_small.pth'));
    const legacy = await contents(await openGolden('torchvision_resnet50/resnet50_small_legacy.pth'));
    const old = await contents(await openGolden('torchvision_resnet50/resnet50_small_torch03.pth'));
    expect(Object.keys(zip).length).toBe(320);
    expect(legacy).toEqual(zip);
    // torch 0.3 did not count batches.
    expect(old).toEqual(Object.fromEntries(Object.entries(zip).filter(([name]) => !/num_batches_tracked/.test(name))));
  });

  const pairs: [string, string, string, string][] = [
    [
      'StyleGAN2: legacy and zip',
      'stylegan2_rosinality',
      'stylegan2-small-config-f.pt',
      'stylegan2-small-config-f.zip.pt',
    ],
    [
      'DINO ResNet-50: training and backbone',
      'dino_resnet50',
      'dino_resnet50_pretrain_full_small.pth',
      'dino_resnet50_pretrain_small.pth',
    ],
  ];
  for (const [name, folder, first, second] of pairs) {
    const path = `${shared}golden/${folder}/`;
    it.skipIf(!existsSync(path))(`${name} (skipped without ../shared)`, async () => {
      const network = (file: string): Promise<unknown> =>
        using(path + file, (checkpoint) => contents({ ...checkpoint, tensors: stateDict(checkpoint) }));
      expect(await network(first)).toEqual(await network(second));
    });
  }
});

describe('names and shapes', () => {
  const at = (path: string): string => `${shared}golden/${path}`;
  const skipped = !existsSync(at('full_shapes.json'));

  it.skipIf(skipped)('of the ResNet-50 are those of the full one (skipped without ../shared)', async () => {
    const full = fullNames(at('full_shapes.json'), 'torchvision_resnet50');
    const small = stateDict(await openGolden('torchvision_resnet50/resnet50_small.pth'));
    expect([...small.keys()]).toEqual(full);
    expect(small.get('layer1.0.conv2.weight')!.shape).toEqual([4, 4, 3, 3]);
  });

  it.skipIf(skipped)("of DINO's teacher come without prefixes and head (skipped without ../shared)", async () => {
    const [teacher, plain] = await Promise.all([
      using(at('dino_vit_teacher/dino_vit_pretrain_full_checkpoint_small.pth'), (c) => Promise.resolve(outline(c))),
      using(at('dino_vit/dino_vit_small_pretrain.pth'), (c) => Promise.resolve(outline(c))),
    ]);
    expect(Object.keys(teacher)).toEqual(Object.keys(plain));
    expect(teacher['blocks.0.attn.qkv.weight']).toEqual({ dtype: 'float32', shape: [192, 64] });
  });

  it.skipIf(skipped)('of the MAE encoder are out of their wrapper (skipped without ../shared)', async () => {
    const names = await using(at('mae_vit/mae_pretrain_vit_small.pth'), (c) =>
      Promise.resolve(Object.keys(outline(c))),
    );
    const full = fullNames(at('full_shapes.json'), 'mae_vit_base');
    expect(names.length).toBe(30);
    expect(full).toEqual(expect.arrayContaining(names));
  });

  it.skipIf(skipped)(
    'of the CLIP archive are those of its state_dict, with its types (skipped without ../shared)',
    async () => {
      const found = await using(at('clip_rn50/RN50_small.pt'), (c) => Promise.resolve(outline(c)));
      const types = Object.fromEntries(
        Object.entries(found).map(([name, t]) => [name, (t as { dtype: string }).dtype]),
      );
      expect(types).toEqual(readJson(at('clip_rn50/manifest.json')).state_dict_dtypes);
    },
  );

  it.skipIf(skipped)('of BigGAN-deep: 362, with transposed weights (skipped without ../shared)', async () => {
    await using(at('biggan_deep/pytorch_model.bin'), async (checkpoint) => {
      const strided = [...stateDict(checkpoint)].filter(([name]) => name.endsWith('weight_orig'));
      expect(checkpoint.tensors.size).toBe(362);
      expect(strided.length).toBeGreaterThan(0);
      for (const [name, ref] of strided) {
        // Spectral norm keeps u and v of each weight: v has as many elements as a row of it.
        const v = checkpoint.tensors.get(name.replace('weight_orig', 'weight_v'))!;
        const row = ref.shape.slice(1).reduce((a, b) => a * b, 1);
        if (v) expect(v.shape).toEqual([row]);
        expect((await ref.load()).data.length).toBe(ref.shape[0] * row);
      }
    });
  });

  it.skipIf(skipped)('of the golden files are those of their manifests (skipped without ../shared)', async () => {
    const { tensors } = await openGolden('torchvision_resnet50/golden.safetensors');
    const text = Buffer.from(bytesOf('torchvision_resnet50/manifest.json')).toString();
    expect(tensors.size).toBe(20);
    for (const name of tensors.keys()) expect(text).toContain(`"${name}"`);
    expect(tensors.get('main/in/x')!.shape).toEqual([2, 3, 64, 64]);
  });
});
