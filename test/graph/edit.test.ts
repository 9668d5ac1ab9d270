// Cutting, tapping, joining and renaming, run on ONNX Runtime before and after; and the layers worth tapping.

import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../src/graph/check.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { addOutputs, extractSubgraph, joinGraphs, renameValues } from '../../src/graph/edit.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer.ts';
import { listLayers } from '../../src/graph/layers.ts';
import { pruneGraph } from '../../src/graph/prune.ts';
import { ramp, run } from './engine.ts';

/** image [2, 3, 8, 8] -> conv (4 channels) -> relu -> mean -> linear (5). */
function network(name = 'net'): Graph {
  const b = new GraphBuilder({ name });
  const image = b.input('image', [2, 3, 8, 8]);
  const conv = b.conv(image, b.constant(ramp([4, 3, 3, 3]), 'conv.weight'), undefined, { pads: [1, 1, 1, 1] }, 'conv');
  const act = b.relu(b.sub(conv, 6, 'centred'), 'act');
  const pooled = b.reduceMean(act, [2, 3], false, 'pooled');
  b.output(b.gemm(pooled, b.constant(ramp([4, 5]), 'fc.weight'), undefined, {}, 'logits'));
  return b.build();
}
/** z [2, 12] -> image [2, 3, 8, 8] by a linear map. */
function generator(): Graph {
  const b = new GraphBuilder({ name: 'gen' });
  const z = b.input('z', [2, 12]);
  b.output(b.reshape(b.matmul(z, b.constant(ramp([12, 192]), 'weight'), 'linear'), [2, 3, 8, 8], 'image'));
  return b.build();
}
const image = ramp([2, 3, 8, 8]);

describe('extractSubgraph', () => {
  it('two parts compute what the whole computes, each with its own weights', async () => {
    const whole = network();
    const lower = extractSubgraph(whole, ['image'], ['act']);
    const upper = extractSubgraph(whole, ['act'], ['logits']);
    expect(lower.initializers.has('fc.weight')).toBe(false);
    expect(upper.initializers.has('conv.weight')).toBe(false);
    expect(upper.inputs).toEqual([{ name: 'act', dtype: 'float32', shape: [2, 4, 8, 8] }]);
    const { act } = await run(lower, { image });
    expect(await run(upper, { act })).toEqual(await run(whole, { image }));
  });

  it('a weight may become an input', async () => {
    const whole = network();
    const part = extractSubgraph(whole, ['image', 'fc.weight'], ['logits']);
    expect(part.inputs[1]).toEqual({ name: 'fc.weight', dtype: 'float32', shape: [4, 5] });
    const feeds = { image, 'fc.weight': whole.initializers.get('fc.weight')! };
    expect(await run(part, feeds)).toEqual(await run(whole, { image }));
  });

  it('types and shapes are inferred where the file records none', () => {
    const bare: Graph = { ...network(), values: new Map() };
    expect(extractSubgraph(bare, ['image'], ['act']).outputs).toEqual([
      { name: 'act', dtype: 'float32', shape: [2, 4, 8, 8] },
    ]);
  });

  it('messages', () => {
    expect(() => extractSubgraph(network(), ['image'], ['atc'])).toThrow(
      'The graph "net" has no value "atc"; listLayers names those that can be tapped.',
    );
    expect(() => extractSubgraph(network(), ['pooled'], ['act'])).toThrow(
      'The outputs act of the graph "net" also need its input "image", which is not among the inputs of the part: pooled.',
    );
  });
});

describe('addOutputs', () => {
  it('adds values once, after those that are there', async () => {
    const tapped = addOutputs(network(), ['act', 'logits', 'act', 'conv']);
    expect(tapped.outputs.map((output) => output.name)).toEqual(['logits', 'act', 'conv']);
    const results = await run(tapped, { image });
    expect(results.act.shape).toEqual([2, 4, 8, 8]);
    expect(results.act).toEqual((await run(extractSubgraph(network(), ['image'], ['act']), { image })).act);
  });

  it('messages', () => {
    expect(() => addOutputs(network(), ['layer9'])).toThrow('The graph "net" has no value "layer9"');
    const nodes = [{ op: 'Mystery', name: 'm', inputs: ['image'], outputs: ['riddle'], attributes: {} }];
    expect(() => addOutputs({ ...network(), nodes }, ['riddle'])).toThrow(
      'The element type of "riddle" in the graph "net" cannot be told: its operator is not known.',
    );
  });
});

describe('joinGraphs', () => {
  const z = ramp([2, 12]);

  it('computes what the two compute one after the other', async () => {
    const joined = joinGraphs(generator(), network(), { image: 'image' }, ['gen/', 'net/']);
    expect(joined.inputs.map((input) => input.name)).toEqual(['gen/z']);
    expect(joined.outputs.map((output) => output.name)).toEqual(['gen/image', 'net/logits']);
    const results = await run(joined, { 'gen/z': z });
    const made = await run(generator(), { z });
    const judged = await run(network(), { image: made.image });
    expect(results['gen/image']).toEqual(made.image);
    expect(results['net/logits']).toEqual(judged.logits);
  });

  it('without prefixes, names that a builder made up give way', async () => {
    const joined = joinGraphs(generator(), network(), { image: 'image' });
    checkGraph(joined);
    const prefixed = joinGraphs(generator(), network(), { image: 'image' }, ['a/', 'b/']);
    const expected = await run(prefixed, { 'a/z': z });
    expect((await run(joined, { z })).logits).toEqual(expected['b/logits']);
  });

  it('brings the older to the newer operator set', async () => {
    const old: Graph = {
      ...network(),
      opset: 11,
      nodes: [
        {
          op: 'ReduceMean',
          name: 'm',
          inputs: ['image'],
          outputs: ['logits'],
          attributes: { axes: { ints: [1, 2, 3] } },
        },
      ],
      outputs: [{ name: 'logits', dtype: 'float32', shape: [2, 1, 1, 1] }],
      initializers: new Map(),
    };
    const joined = joinGraphs(generator(), old, { image: 'image' });
    expect(joined.opset).toBe(20);
    const results = await run(joined, { z });
    const pixels = results.image.data as Float32Array;
    const mean = pixels.subarray(0, 192).reduce((a, b) => a + b) / 192;
    expect(results.logits.data[0]).toBeCloseTo(mean, 4);
  });

  it('messages', () => {
    expect(() => joinGraphs(generator(), network(), { picture: 'image' })).toThrow(
      'The graph "net" has no input "picture".',
    );
    expect(() => joinGraphs(generator(), network(), { image: 'picture' })).toThrow(
      'The graph "gen" has no output "picture".',
    );
    expect(() => joinGraphs(network(), network('two'), { image: 'logits' })).toThrow(
      '"logits" of the graph "net" is float32 [2, 5], but "image" of "two" takes float32 [2, 3, 8, 8].',
    );
    const open = { ...network(), outputs: network().inputs };
    expect(() => joinGraphs(open, network('two'), { image: 'image' })).toThrow(
      'Both graphs have a value "conv.weight"; give `prefixes`, such as ["net/", "two/"].',
    );
    const versions = [1, 2].map((my) => ({ ...generator(), domains: { my } }));
    expect(() => joinGraphs(versions[0], versions[1], {}, ['a', 'b'])).toThrow(
      'The graphs use the versions 1 and 2 of the operators "my".',
    );
  });
});

describe('pruneGraph', () => {
  it('drops nodes and weights that no output needs, not what nested graphs read', () => {
    const whole = network();
    const part = pruneGraph({ ...whole, outputs: [{ name: 'act', dtype: 'float32' }] });
    expect(part.nodes.map((node) => node.name)).toEqual(['conv', 'centred', 'act']);
    expect([...part.initializers.keys()]).toEqual(['conv.weight', 'const#1']);
    const body: Graph = {
      ...whole,
      inputs: [],
      nodes: [],
      initializers: new Map(),
      outputs: [{ name: 'conv', dtype: 'float32' }],
    };
    const nodes = [
      ...whole.nodes,
      { op: 'Own', name: 'own', inputs: [], outputs: ['o'], attributes: { body: { graph: body } } },
    ];
    const nested = pruneGraph({ ...whole, nodes, outputs: [{ name: 'o', dtype: 'float32' }] });
    expect(nested.nodes.map((node) => node.name)).toEqual(['conv', 'own']);
  });
});

describe('renameValues', () => {
  it('everywhere, nested graphs and records too', async () => {
    const renamed = renameValues(network(), { image: 'x', act: 'layer1', logits: 'y', 'conv.weight': 'w' });
    expect(renamed.values.get('layer1')?.name).toBe('layer1');
    expect((await run(renamed, { x: image })).y).toEqual((await run(network(), { image })).logits);
    expect(renameValues(network(), { act: 'conv', conv: 'act' }).nodes[0].outputs).toEqual(['act']);
  });

  it('messages', () => {
    expect(() => renameValues(network(), { nothing: 'x' })).toThrow(
      'The graph "net" has no value "nothing" to rename.',
    );
    expect(() => renameValues(network(), { act: 'conv' })).toThrow(
      '"act" cannot be renamed to "conv": the graph "net" has a value of that name.',
    );
  });
});

describe('listLayers', () => {
  it('maps and tokens with one entry per image, in order; no weights, scores, layouts or single positions', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 3, 8, 8]);
    const w = b.mul(b.constant(ramp([4, 3, 1, 1])), 2, 'doubled weight');
    const conv = b.conv(x, w, undefined, {}, 'conv');
    const gate = b.sigmoid(b.globalAveragePool(conv), 'gate');
    const gated = b.mul(conv, gate, 'gated');
    const tokens = b.transpose(b.reshape(gated, [2, 4, 64], 'flat'), [0, 2, 1], 'tokens');
    const mixed = b.matmul(tokens, b.constant(ramp([4, 4])), 'mixed');
    const windows = b.relu(b.reshape(mixed, [8, 16, 4]), 'windows');
    const whole = b.cast(mixed, 'int32', 'whole');
    const both = b.concat([gated, conv], 1, 'both');
    [both, windows, whole].forEach((value) => b.output(value));
    const layers = listLayers(b.build());
    expect(layers).toEqual([
      { name: 'conv', op: 'Conv', node: 'conv', shape: [2, 4, 8, 8] },
      { name: 'gated', op: 'Mul', node: 'gated', shape: [2, 4, 8, 8] },
      { name: 'mixed', op: 'MatMul', node: 'mixed', shape: [2, 64, 4] },
      { name: 'both', op: 'Concat', node: 'both', shape: [2, 8, 8, 8] },
    ]);
  });

  it('dynamic batches keep their name', () => {
    const graph: Graph = {
      ...network(),
      inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 3, 8, 8] }],
    };
    expect(listLayers(inferShapes(graph)).map((layer) => layer.shape)).toEqual([
      ['batch', 4, 8, 8],
      ['batch', 4, 8, 8],
      ['batch', 4, 8, 8],
    ]);
  });
});

describe('shared', () => {
  it('no function copies weights', () => {
    const graph = network();
    const weight = graph.initializers.get('conv.weight');
    const results = [
      extractSubgraph(graph, ['image'], ['act']),
      addOutputs(graph, ['act']),
      joinGraphs(generator(), graph, { image: 'image' }),
      renameValues(graph, { act: 'x' }),
      inferShapes(graph),
    ];
    for (const result of results) expect(result.initializers.get('conv.weight')).toBe(weight);
    expect(weight?.data).toBeInstanceOf(Float32Array);
  });
});
