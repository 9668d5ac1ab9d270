// Checkpoints that are not what they should be: each a message that names the tensor and what to do.

import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, stateDict } from '../../src/checkpoint/checkpoint.ts';
import { openFile } from '../../src/checkpoint/node.ts';
import { float32, type Tensor } from '../../src/graph/tensor.ts';
import { modelFromTensors, type FromCheckpointOptions } from '../../src/zoo/from-checkpoint.ts';

const file = new URL('../golden/torchvision_resnet50/resnet50_small.pth', import.meta.url).pathname;
const whole = new Map<string, Tensor>();
beforeAll(async () => {
  const source = await openFile(file);
  for (const [name, ref] of stateDict(await openCheckpoint(source))) whole.set(name, await ref.load());
  await source.close();
});

const open = (changes: Readonly<Record<string, Tensor | undefined>>, options: Partial<FromCheckpointOptions> = {}) => {
  const tensors = new Map(whole);
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor) tensors.set(name, tensor);
    else tensors.delete(name);
  }
  return () => modelFromTensors(tensors, { name: 'net', ...options });
};

describe('a checkpoint', () => {
  it('is taken as it is', () => {
    expect(open({})().model.card.architecture).toBe('resnet');
  });

  it('with a tensor too few is refused', () => {
    expect(open({ 'layer3.1.bn2.running_var': undefined })).toThrow(
      /the weights of net have no tensor "layer3\.1\.bn2\.running_var"; the checkpoint is of another architecture, or not whole/,
    );
  });

  it('with a tensor too many is refused, unless that is allowed', () => {
    const extra = { 'layer3.1.se.weight': float32([2], [1, 2]) };
    expect(open(extra)).toThrow(
      /tensors that the architecture "resnet" does not use: layer3\.1\.se\.weight\. .*--config extra=ignore/,
    );
    expect(open(extra, { settings: { extra: 'ignore' } })().model.taps.length).toBe(4);
  });

  it('with a tensor of another shape is refused', () => {
    const { length } = whole.get('layer2.0.bn1.weight')!.data;
    expect(open({ 'layer2.0.bn1.weight': float32([length + 1], new Float32Array(length + 1)) })).toThrow(
      /the tensor "layer2\.0\.bn1\.weight" of net has the shape \[\d+\]; its architecture expects \[\d+\]/,
    );
  });

  it.each([NaN, Infinity])('with %d among its values is refused', (value) => {
    const { shape, data } = whole.get('layer1.0.conv2.weight')!;
    const values = Float32Array.from(data as Float32Array);
    values[5] = value;
    expect(open({ 'layer1.0.conv2.weight': float32(shape, values) })).toThrow(
      /the tensor "layer1\.0\.conv2\.weight" of net has values that are not finite .* take another checkpoint/,
    );
  });

  it('of another architecture than its card says is refused', () => {
    const card = {
      name: 'net',
      architecture: 'vit',
      task: 't',
      supervision: 's',
      data: 'd',
      licence: 'l',
      source: 'o',
    };
    expect(open({}, { card })).toThrow(
      /the tensors of net are not those of "vit", as its card says: the first are conv1/,
    );
  });

  it('of no architecture that is known is refused', () => {
    const tensors = new Map([['embedding.weight', float32([3, 2], new Float32Array(6))]]);
    expect(() => modelFromTensors(tensors, { name: 'net' })).toThrow(
      /not those of any architecture known here \(resnet.*\): the first are embedding\.weight \[3, 2\]/,
    );
  });
});
