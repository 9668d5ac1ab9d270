// Opening models from files: told by content, weights beside the file, cards, and what is wrong with damaged ones.

import { existsSync, mkdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { writeOnnx } from '../../src/graph/write.ts';
import { saveOnnx } from '../../src/runtime/node.ts';
import { fileKind, readOnnxFile } from '../../src/zoo/node.ts';
import type { ModelCard } from '../../src/zoo/card.ts';
import { noise, runTaps, temporaryFolder, loadEncoder } from './fixtures.ts';

const place = temporaryFolder();
const golden = 'test/golden/torchvision_resnet50/resnet50_small.pth';

const card: ModelCard = {
  name: 'net',
  architecture: 'onnx',
  config: {},
  task: 'classification',
  supervision: 'labels',
  data: 'none',
  licence: 'MIT',
  source: 'made here',
  file: 'net.onnx',
  input: { height: 8, width: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], resize: 'bicubic', antialias: false },
  taps: ['a'],
};
const writeCard = (name: string, changes: object) => {
  writeFileSync(place(name), JSON.stringify({ ...card, ...changes }));
  return place(name);
};

function network(): Graph {
  const b = new GraphBuilder({ name: 'net' });
  const w = b.constant(noise([64, 3, 3, 3], 1), 'weight');
  b.output(b.relu(b.conv(b.input('x', [1, 3, 8, 8]), w, undefined, {}, 'a'), 'r'), 'y');
  return b.build();
}

const graph = network();
const x = noise([2, 3, 8, 8], 2);

beforeAll(async () => {
  writeFileSync(place('net.onnx'), writeOnnx(graph).model);
  await saveOnnx(graph, place('split.onnx'));
});

describe('kinds', () => {
  it('are told by content, not by name', async () => {
    writeFileSync(place('net.pth'), readFileSync(place('net.onnx')));
    writeFileSync(place('weights.onnx'), readFileSync(golden));
    expect(await fileKind(place('net.pth'))).toBe('onnx');
    expect(await fileKind(place('weights.onnx'))).toBe('checkpoint');
    expect(await fileKind(writeCard('card.txt', {}))).toBe('card');
    const { model } = await loadEncoder(place('net.pth'), { name: 'm', taps: ['a'] });
    expect(model.card.architecture).toBe('onnx');
    expect((await loadEncoder(place('weights.onnx'), { name: 'm' })).model.card.architecture).toBe('resnet');
  });

  it('of other files are told by the error', async () => {
    writeFileSync(place('page.onnx'), '<!doctype html><title>Sign in</title>');
    await expect(loadEncoder(place('page.onnx'), { name: 'm' })).rejects.toThrow(
      /page\.onnx is not a checkpoint: .*HTML page/,
    );
    writeFileSync(place('empty.onnx'), '');
    await expect(loadEncoder(place('empty.onnx'), { name: 'm' })).rejects.toThrow(/empty\.onnx is empty/);
    await expect(loadEncoder(place('none.onnx'), { name: 'm' })).rejects.toThrow(
      /none\.onnx cannot be opened: no such file/,
    );
    await expect(readOnnxFile(golden)).rejects.toThrow(/resnet50_small\.pth: This ONNX model is incomplete/);
  });

  it('an ONNX file that is cut short', async () => {
    const bytes = readFileSync(place('net.onnx'));
    writeFileSync(place('short.onnx'), bytes.subarray(0, bytes.length / 2));
    await expect(loadEncoder(place('short.onnx'), { name: 'm' })).rejects.toThrow(
      /short\.onnx: This ONNX model is incomplete/,
    );
  });
});

describe('weights beside the file', () => {
  it('give the same numbers, and no more of their file is read than they take', async () => {
    const whole = await loadEncoder(place('net.onnx'), { name: 'm', taps: ['a'] });
    truncateSync(place('split.onnx.data'), 6 * 2 ** 30); // a hole: no memory could take it
    const split = await loadEncoder(place('split.onnx'), { name: 'm', taps: ['a'] });
    expect(await runTaps(split.model, x)).toEqual(await runTaps(whole.model, x));
  });

  it('that are cut short', async () => {
    truncateSync(place('split.onnx.data'), 100);
    await expect(readOnnxFile(place('split.onnx'))).rejects.toThrow(
      /split\.onnx: .*split\.onnx\.data has 100 bytes, but weights are to be read up to 6912/,
    );
  });

  it('that are missing, or no file', async () => {
    unlinkSync(place('split.onnx.data'));
    const opened = () => readOnnxFile(place('split.onnx'));
    await expect(opened()).rejects.toThrow(
      /split\.onnx: its weights are kept in .*split\.onnx\.data, which is missing\. Put/,
    );
    mkdirSync(place('split.onnx.data'));
    await expect(opened()).rejects.toThrow(/split\.onnx\.data, which (is not a regular file|cannot be read)/);
    execFileSync('rmdir', [place('split.onnx.data')]);
    execFileSync('mkfifo', [place('split.onnx.data')]);
    await expect(opened()).rejects.toThrow(/split\.onnx\.data, which is not a regular file/);
  });

  it.each(['../secret', '/etc/hostname', 'a/../../secret', 'C:\\secret'])('at %s are refused', async (location) => {
    writeFileSync(place('evil.onnx'), writeOnnx(graph, { external: { location, minBytes: 1 } }).model);
    await expect(loadEncoder(place('evil.onnx'), { name: 'm' })).rejects.toThrow(
      /not a path inside the model's folder/,
    );
  });
});

describe('cards', () => {
  it('of an ONNX file say what it does not', async () => {
    const { model, assumed } = await loadEncoder(writeCard('net.json', {}), { name: 'mine' });
    expect(assumed).toEqual([]);
    expect(model.card).toEqual({ ...card, name: 'mine' });
    expect(model.taps).toEqual([{ layer: 'a', channels: 64, height: 6, width: 6 }]);
    const set = await loadEncoder(place('net.json'), { name: 'm', taps: ['r'], settings: { resize: 'bilinear' } });
    expect(set.model.card).toMatchObject({ taps: ['r'], input: { ...card.input, resize: 'bilinear' } });
  });

  it('of a checkpoint', async () => {
    writeFileSync(place('small.pth'), readFileSync(golden));
    const path = writeCard('small.json', { architecture: 'resnet', file: 'small.pth', taps: ['layer4'] });
    const { model, assumed } = await loadEncoder(path, { name: 'm' });
    expect(assumed).toEqual([]);
    expect(model.taps.map(({ layer, channels }) => [layer, channels])).toEqual([['layer4', 128]]);
  });

  it('that do not fit their file', async () => {
    const open = (changes: object) => loadEncoder(writeCard('odd.json', changes), { name: 'm' });
    await expect(open({ architecture: 'resnet' })).rejects.toThrow(/m is an ONNX file, not a checkpoint of "resnet"/);
    await expect(open({ file: 'small.pth' })).rejects.toThrow(
      /the tensors of m are not those of "onnx", as its card says/,
    );
    await expect(open({ file: 'gone.onnx' })).rejects.toThrow(/gone\.onnx cannot be opened/);
    await expect(open({ file: 'odd.json' })).rejects.toThrow(/odd\.json, which a model card names as its "file"/);
    expect(existsSync(place('odd.json'))).toBe(true);
  });
});
