// Where a network's tensors are in the checkpoints of training scripts.

import { describe, expect, it } from 'vitest';
import { networkPath, stateDict, type Checkpoint, type CheckpointTree } from '../../src/checkpoint/index.ts';
import { torchCheckpoint } from '../../src/checkpoint/torch/tensors.ts';
import { bytesSource } from '../../src/files/source.ts';
import { messageIn } from './fixtures.ts';

type Shape = string | { readonly [key: string]: Shape };

/** A checkpoint of one-element tensors: texts become tensors, objects become dicts. */
function checkpoint(shape: Shape): Checkpoint {
  const tree = (value: Shape): CheckpointTree =>
    typeof value === 'string'
      ? {
          ...{ kind: 'tensor', dtype: 'uint8', shape: [1], strides: [1], offset: 0 },
          storage: {
            ...{ kind: 'storage', type: 'ByteStorage', dtype: 'uint8', key: '0', elementBytes: 1 },
            ...{ count: 1, viewStart: 0, viewCount: 1 },
          },
        }
      : new Map(Object.entries(value).map(([key, child]) => [key, tree(child)]));
  return torchCheckpoint('torch-zip', 'm.pth', tree(shape), () => bytesSource('0', new Uint8Array(1)));
}

const network = { 'conv1.weight': 't', 'conv1.bias': 't', 'fc.weight': 't', 'fc.bias': 't' };
const names = Object.keys(network);
const prefixed = (prefix: string): Record<string, string> => Object.fromEntries(names.map((n) => [prefix + n, 't']));

describe('stateDict', () => {
  it.each<[string, Shape]>([
    ['a plain state dict', network],
    ['state_dict', { state_dict: network, optimizer: { state: { 0: { exp_avg: 't' } } } }],
    ['model', { model: network }],
    ['a wrapper in a wrapper', { model: { state_dict: network } }],
    ['DataParallel', { state_dict: prefixed('module.') }],
    ['torch.compile', prefixed('_orig_mod.')],
    [
      'the teacher, not the student',
      { student: { a: 't' }, teacher: { ...prefixed('backbone.'), 'head.weight': 't' } },
    ],
    ['the student when there is no other', { student: prefixed('module.backbone.') }],
    [
      'the averaged generator, not the discriminator',
      { g: { a: 't' }, d: { b: 't' }, g_ema: network, latent_avg: 't' },
    ],
    [
      "StyleGAN's averaged generator, not the raw one or the discriminator",
      { G: { a: 't' }, D: { b: 't' }, G_ema: network, augment_pipe: { p: 't' } },
    ],
    ['averaged weights before raw ones', { state_dict: { a: 't' }, model_ema: network }],
    ['keys without tensors are no wrappers', { ...network, model: {}, teacher: 't' }],
  ])('%s', (_, shape) => {
    const found = [...stateDict(checkpoint(shape)).keys()];
    expect(found.filter((name) => name !== 'teacher')).toEqual(names);
  });

  it('leaves submodules of such names alone', () => {
    const flat = { 'model.weight': 't', 'student.weight': 't', 'teacher.weight': 't' };
    expect([...stateDict(checkpoint(flat)).keys()]).toEqual(Object.keys(flat));
  });

  it('leaves a prefix that a part of the network has', () => {
    const detector = { 'backbone.a': 't', 'backbone.b': 't', 'neck.a': 't', 'head.a': 't' };
    expect([...stateDict(checkpoint(detector)).keys()]).toEqual(Object.keys(detector));
  });

  it('goes where it is told', () => {
    const wrapped = checkpoint({ student: { module: prefixed('backbone.') }, teacher: { x: 't' } });
    expect([...stateDict(wrapped, { path: 'student.module' }).keys()]).toEqual(names);
  });

  it('keeps the tensors, whose own names are the full ones', () => {
    const found = stateDict(checkpoint({ state_dict: prefixed('module.') }));
    expect(found.get('fc.bias')!.name).toBe('state_dict.module.fc.bias');
  });

  it('tells where it looks', () => {
    expect(networkPath(checkpoint({ G: { a: 't' }, G_ema: network }))).toBe('G_ema');
    expect(networkPath(checkpoint({ model: { state_dict: network } }))).toBe('model.state_dict');
    expect(networkPath(checkpoint(network))).toBe('');
  });

  it('says where there are tensors', async () => {
    const wrapped = checkpoint({ net: network, ema: network });
    expect(await messageIn(() => stateDict(wrapped, { path: 'nett' }))).toBe(
      'm.pth has no tensors at nett. There are some at: net, ema. Name one of these, or leave the path out.',
    );
    expect(await messageIn(() => stateDict(checkpoint({ epoch: {} })))).toBe(
      'm.pth has no tensors in it. A checkpoint with weights is expected.',
    );
  });
});
