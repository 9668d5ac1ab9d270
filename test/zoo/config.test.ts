// Configurations of cards, and numbers of --config, that no network has: refused by name, before anything is built.
// Which numbers go together is tested with each family.

import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, stateDict } from '../../src/checkpoint/checkpoint.ts';
import { openFile } from '../../src/checkpoint/node.ts';
import { UserError } from '../../src/errors.ts';
import { problemsOf } from '../../src/files/json.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { describeModel, modelFromTensors } from '../../src/zoo/from-checkpoint.ts';
import { architectures } from '../../src/zoo/registry.ts';

const file = new URL('../golden/torchvision_resnet50/resnet50_small.pth', import.meta.url).pathname;
const tensors = new Map<string, Tensor>();
beforeAll(async () => {
  const source = await openFile(file);
  for (const [name, ref] of stateDict(await openCheckpoint(source))) tensors.set(name, await ref.load());
  await source.close();
});

const cardOf = (architecture: string, config: Record<string, unknown>) => ({
  name: 'net', architecture, config, task: 't', supervision: 's', data: 'd', licence: 'l', source: 'o',
}); // prettier-ignore

/** Shapes by which a ViT is recognised: width 64, patch 16, a grid of 14. */
const vit = new Map<string, readonly number[]>([
  ['patch_embed.proj.weight', [64, 3, 16, 16]],
  ['pos_embed', [1, 197, 64]],
  ['cls_token', [1, 1, 64]],
  ['blocks.0.mlp.fc1.weight', [256, 64]],
  ['blocks.0.attn.qkv.weight', [192, 64]],
]);

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('it was not refused');
}

describe('the configuration in a card', () => {
  it.each<[unknown, string]>([
    [[1e5], 'config.depths[0] is 100000 and must be at most 256'],
    [[3, -1, 6, 3], 'config.depths[1] is -1 and must be at least 1'],
    [[2.5], 'config.depths[0] is 2.5, not a whole number'],
    [[NaN], 'config.depths[0] is NaN, not a whole number'],
    [new Array(1000).fill(1), 'config.depths must have at most 16 entries'],
    [7, 'config.depths is 7, not a list'],
  ])('of a ResNet is refused with the depths %j', (depths, told) => {
    const card = cardOf('resnet', { depths });
    expect(refusal(() => modelFromTensors(tensors, { name: 'net', card }))).toContain(told);
  });

  it.each<[string, unknown, string]>([
    ['patch', 0, 'config.patch is 0 and must be at least 1'],
    ['patch', 1e9, 'config.patch is 1000000000 and must be at most 1024'],
    ['heads', -1, 'config.heads is -1 and must be at least 1'],
    ['heads', NaN, 'config.heads is NaN, not a whole number'],
    ['depth', 1e9, 'config.depth is 1000000000 and must be at most 256'],
    ['grid', 1000, 'input.height is 16000 and must be at most 8192'],
  ])('of a ViT is refused with the %s %d', (key, value, told) => {
    const card = cardOf('vit', { [key]: value });
    expect(refusal(() => describeModel(vit, { name: 'net', card }))).toContain(told);
  });

  it.each(architectures.map((family) => [family.name, family] as const))(
    'of %s has bounds for every number',
    (_, { config }) => {
      const open: string[] = [];
      let numbers = 0;
      const visit = (node: unknown, path: string): void => {
        if (typeof node !== 'object' || node === null) return;
        const { type } = node as { type?: unknown };
        if (type === 'number' || type === 'integer') {
          numbers++;
          const bounded = ('minimum' in node || 'exclusiveMinimum' in node) && 'maximum' in node;
          if (!bounded) open.push(path);
        }
        for (const [key, value] of Object.entries(node)) visit(value, `${path}/${key}`);
      };
      visit(config, '');
      expect(open).toEqual([]);
      expect(numbers).toBeGreaterThan(0);
    },
  );

  it.each(['stylegan2-nvlabs', 'stylegan2-rosinality'])(
    'of %s is refused with a size that nothing doubles to',
    (name) => {
      const { config } = architectures.find((family) => family.name === name)!;
      const told = (size: number) => problemsOf(config, { size }).join('\n');
      for (const size of [0, -4, 1e9, 100, 4.5]) expect(told(size)).toContain(`size is ${size}, not 4 or 8`);
      expect(told(256)).not.toContain('size is');
    },
  );

  it('is taken within its bounds', () => {
    expect(describeModel(vit, { name: 'net', settings: { heads: '2', mean: '0,0,0' } }).card.config.heads).toBe(2);
    expect(modelFromTensors(tensors, { name: 'net', card: cardOf('resnet', {}) }).model.card.architecture).toBe(
      'resnet',
    );
  });
});
