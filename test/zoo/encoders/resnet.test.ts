// ResNets from checkpoints: a narrow ResNet-50 against torchvision's own activations, and those of CIFAR by their form.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensorsBytes } from '../../../src/checkpoint/index.ts';
import { toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { absoluteError, graphOf, noise, relativeError, runTaps, loadEncoder } from '../fixtures.ts';

const folder = 'test/golden/torchvision_resnet50/';
const cifar = '../shared/checkpoints/cifar-resnets/';

interface Case {
  readonly name: string;
  readonly inputs: { readonly x: { readonly tensor: string } };
  readonly output: { readonly tensor: string; readonly float32_error_max_abs?: number };
  readonly layers: readonly {
    readonly module: string;
    readonly tensor: string;
    readonly std: number;
    readonly float32_error_max_abs?: number;
  }[];
}

async function goldenOf(path: string) {
  const { cases, checkpoints } = JSON.parse(readFileSync(`${path}manifest.json`, 'utf8')) as {
    cases: Case[];
    checkpoints: { file: string }[];
  };
  const tensors = await readSafetensorsBytes('golden.safetensors', readFileSync(`${path}golden.safetensors`));
  return {
    files: checkpoints.map(({ file }) => path + file),
    caseOf: (name: string) => cases.find((entry) => entry.name === name)!,
    tensor: (name: string): Tensor => tensors.get(name)!,
  };
}
const torchvision = await goldenOf(folder);
const dino = await goldenOf('test/golden/dino_resnet50/');
const { caseOf, tensor } = torchvision;

const official = [torchvision, dino].flatMap((from) => from.files.map((file) => [file, from] as const));
describe.each(official)('%s', (file, from) => {
  it('has the activations and output of the official code, within four times the rounding of float32', async () => {
    const { model } = await loadEncoder(file, { name: 'm' });
    const { inputs, output, layers } = from.caseOf('main');
    const found = await runTaps(model, from.tensor(inputs.x.tensor));
    expect(Object.keys(found.taps)).toEqual(['layer1', 'layer2', 'layer3', 'layer4']);
    for (const layer of layers) {
      const error = absoluteError(found.taps[layer.module], from.tensor(layer.tensor));
      expect(error).toBeLessThan(4 * layer.float32_error_max_abs!);
      // Two layers of torchvision's are beyond that in float32 itself: there the rounding alone is the measure.
      const rounding = layer.float32_error_max_abs! / layer.std;
      if (rounding < 1e-4) expect(error).toBeLessThan(1e-4 * layer.std);
    }
    expect(absoluteError(found.output, from.tensor(output.tensor))).toBeLessThan(4 * output.float32_error_max_abs!);
  });
});

describe('a ResNet-50', () => {
  const file = `${folder}resnet50_small.pth`;

  it('takes other sizes, odd and not square', async () => {
    const { model } = await loadEncoder(file, { name: 'm' });
    const { inputs, output, layers } = caseOf('odd');
    const found = await runTaps(model, tensor(inputs.x.tensor));
    for (const layer of layers)
      expect(relativeError(found.taps[layer.module], tensor(layer.tensor))).toBeLessThan(1e-4);
    expect(relativeError(found.output, tensor(output.tensor))).toBeLessThan(1e-4);
  });

  it('is recognised, with its assumptions told', async () => {
    const { model, assumed } = await loadEncoder(file, { name: 'm' });
    expect(model.card).toMatchObject({
      architecture: 'resnet',
      config: {
        depths: [3, 4, 6, 3],
        block: 'bottleneck',
        stem: 'imagenet',
        shortcut: 'projection',
        strideOn: 'conv2',
      },
      input: { height: 224, width: 224, resize: 'bilinear', antialias: true },
    });
    expect(assumed).toEqual([
      'size=224x224',
      'mean=0.485,0.456,0.406',
      'std=0.229,0.224,0.225',
      'resize=bilinear',
      'antialias=true',
    ]);
    expect(model.taps).toEqual([
      { layer: 'layer1', channels: 16, height: 56, width: 56 },
      { layer: 'layer2', channels: 32, height: 28, width: 28 },
      { layer: 'layer3', channels: 64, height: 14, width: 14 },
      { layer: 'layer4', channels: 128, height: 7, width: 7 },
    ]);
  });

  it('has the normalisation and resizing of its images in the graph', async () => {
    const { model } = await loadEncoder(file, { name: 'm', settings: { size: '64' }, taps: ['layer2'] });
    const x = tensor(caseOf('main').inputs.x.tensor);
    const [mean, std] = [model.card.input.mean, model.card.input.std];
    const plane = (i: number) => Math.floor(i / 4096) % 3;
    const images = { ...x, data: toFloat32(x).map((v, i) => v * std[plane(i)] + mean[plane(i)]) };
    const { taps } = await runTaps(model, images, 'addTo');
    expect(relativeError(taps.layer2, tensor('main/act/layer2'))).toBeLessThan(1e-4);
  });

  it('has taps inside its blocks, by globs, and with the stride of the original paper', async () => {
    const options = { name: 'm', settings: { size: '64', strideOn: 'conv1' }, taps: ['layer2.0.conv?', 'conv1'] };
    const { model } = await loadEncoder(file, options);
    expect(model.taps.map(({ layer, height }) => [layer, height])).toEqual([
      ['conv1', 32],
      ['layer2.0.conv1', 8],
      ['layer2.0.conv2', 8],
      ['layer2.0.conv3', 8],
    ]);
  });

  it('has a twin with the same taps and other, reproducible weights', async () => {
    const { model } = await loadEncoder(file, { name: 'm', settings: { size: '64' } });
    const twin = model.twin(1);
    expect(twin.taps).toEqual(model.taps);
    expect([model.twinOf, twin.twinOf, twin.twin(1).twinOf]).toEqual([undefined, 'm', 'm.untrained']);
    expect(twin.card).toMatchObject({ name: 'm.untrained', supervision: 'none (fresh weights)' });
    const x = noise([2, 3, 64, 64], 1);
    const [trained, fresh, again, other] = await Promise.all(
      [model, twin, model.twin(1), model.twin(2)].map((each) => runTaps(each, x)),
    );
    for (const { layer } of model.taps) {
      expect(again.taps[layer]).toEqual(fresh.taps[layer]);
      for (const control of [trained, other]) {
        expect(relativeError(fresh.taps[layer], control.taps[layer])).toBeGreaterThan(0.1);
      }
    }
  });

  it('refuses settings and layers that it does not have', async () => {
    const open = (settings: Record<string, string>, taps?: string[]) =>
      loadEncoder(file, { name: 'm', settings, taps });
    await expect(open({ stem: 'large' })).rejects.toThrow(/stem=large does not fit m: imagenet or cifar is expected/);
    await expect(open({ grid: '4' })).rejects.toThrow(/m has no setting "grid"; its settings are .*, stem, strideOn/);
    await expect(open({}, ['layer9'])).rejects.toThrow(
      /no layer of m matches the taps layer9; its layers are conv1, bn1, relu/,
    );
  });
});

describe('the ResNets of CIFAR', () => {
  const files = { 'resnet20-12fca82f': 3, 'resnet32-d509ac18': 5, 'resnet44-014dd654': 7, 'resnet56-4bfd9763': 9 };
  it.skipIf(!existsSync(cifar)).each(Object.entries(files))(
    '%s is recognised by its form: %i blocks a stage (skipped without ../shared)',
    async (file, blocks) => {
      const { model } = await loadEncoder(`${cifar}${file}.th`, { name: 'm' });
      const depths = [blocks, blocks, blocks];
      expect(model.card.config).toEqual({ depths, block: 'basic', stem: 'cifar', shortcut: 'pad', strideOn: 'conv2' });
      const expected = [1, 2, 3].flatMap((stage) =>
        Array.from({ length: blocks }, (_, i) => ({
          layer: `layer${stage}.${i}`,
          channels: 8 * 2 ** stage,
          height: 64 / 2 ** stage,
          width: 64 / 2 ** stage,
        })),
      );
      expect(model.taps).toEqual(expected);
      expect(model.card.input).toMatchObject({ height: 32, width: 32 });
      const graph = graphOf(model, [1, 3, 32, 32]);
      expect(graph.outputs.find(({ name }) => name === 'output')?.shape).toEqual([1, 10]);
    },
  );
});
