// Writes a graph as an ONNX file: bytes of the model and, if asked for, weights beside it in a second file.
// It touches no disk. What readOnnx reads, writeOnnx writes again.

import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType as Kind, ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import type { AttributeProtoSchema, GraphProtoSchema, TensorProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import { UserError } from '../errors.ts';
import { present } from '../lookup.ts';
import type { Attribute, Graph, Node, ValueInfo } from './graph.ts';
import { dataTypes } from './onnx-types.ts';
import { byteLengthOf, toBytes, toInt64 } from './tensor.ts';
import type { Tensor } from './tensor.ts';

export interface WriteOptions {
  /** Weights of at least `minBytes` go into the file `location`, named relative to the model. */
  readonly external?: {
    readonly location: string;
    readonly minBytes: number;
    /** Folder of the model: tensors that are stored in it already are referred to where they are. */
    readonly folder?: string;
  };
}

export interface WrittenModel {
  readonly model: Uint8Array;
  /** Contents of the external file, to be written one after another. They share memory with the graph's tensors. */
  readonly external?: readonly Uint8Array[];
}

/** Protocol buffers hold no more in one message. */
const messageLimit = 2 ** 31 - 1;
/** Pages of memory, so that an engine can map the weights. */
const alignment = 4096;

/** File format versions by the first operator set that needs them. */
const irVersions = [
  [25, 13],
  [24, 12],
  [23, 11],
] as const;

/**
 * A graph as an ONNX model of IR version 10, or later if its operator set asks for it.
 * @throws UserError when a model without external weights would exceed the 2 GB that the format can hold.
 */
export function writeOnnx(graph: Graph, options: WriteOptions = {}): WrittenModel {
  const store = new ExternalStore(options.external);
  const inside = [...graph.initializers.values()].filter((tensor) => !store.takes(tensor));
  if (inside.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0) > messageLimit) {
    throw new UserError(
      `The weights of "${graph.name}" exceed the 2 GB of one ONNX file; write them to an external file.`,
    );
  }
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(irVersions.find(([opset]) => graph.opset >= opset)?.[1] ?? 10),
    producerName: 'rosetta-neurons',
    opsetImport: Object.entries({ '': graph.opset, ...graph.domains }).map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
    metadataProps: Object.entries(graph.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: graphProto(graph, store),
  });
  return { model: toBinary(ModelProtoSchema, model), ...(options.external && { external: store.chunks }) };
}

/** Collects weights for the external file, each array once. */
class ExternalStore {
  readonly chunks: Uint8Array[] = [];
  readonly #options: WriteOptions['external'];
  readonly #offsets = new Map<Tensor['data'], number>();
  #length = 0;

  constructor(options: WriteOptions['external']) {
    this.#options = options;
  }

  takes(tensor: Tensor): boolean {
    const bytes = byteLengthOf(tensor);
    return this.#options !== undefined && bytes > 0 && bytes >= this.#options.minBytes;
  }

  entry(tensor: Tensor): MessageInitShape<typeof TensorProtoSchema> {
    const { location, folder } = present(this.#options, 'external file');
    const place =
      tensor.stored && tensor.stored.folder === folder
        ? { location: tensor.stored.file, offset: tensor.stored.offset }
        : { location, offset: this.#offsets.get(tensor.data) ?? this.#add(tensor) };
    const pairs = { location: place.location, offset: `${place.offset}`, length: `${byteLengthOf(tensor)}` };
    return {
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(pairs).map(([key, value]) => ({ key, value })),
    };
  }

  #add(tensor: Tensor): number {
    const padding = -this.#length & (alignment - 1);
    if (padding) this.chunks.push(new Uint8Array(padding));
    const offset = this.#length + padding;
    this.chunks.push(toBytes(tensor));
    this.#offsets.set(tensor.data, offset);
    this.#length = offset + tensor.data.byteLength;
    return offset;
  }
}

function graphProto(graph: Graph, store: ExternalStore): MessageInitShape<typeof GraphProtoSchema> {
  const inferred = [...graph.values.values()].filter((info) => info.shape);
  return {
    name: graph.name || 'graph',
    input: graph.inputs.map(infoProto),
    output: graph.outputs.map(infoProto),
    valueInfo: inferred.map(infoProto),
    initializer: [...graph.initializers].map(([name, tensor]) => tensorProto(tensor, name, store)),
    node: graph.nodes.map((node) => nodeProto(node, store)),
  };
}

function nodeProto(node: Node, store: ExternalStore) {
  return {
    opType: node.op,
    name: node.name,
    ...(node.domain && { domain: node.domain }),
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => ({ name, ...attributeProto(value, store) })),
  };
}

function infoProto({ name, dtype, shape }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape?.map((d) => {
    if (typeof d === 'number') return { value: { case: 'dimValue' as const, value: BigInt(d) } };
    return d === '?' ? {} : { value: { case: 'dimParam' as const, value: d } };
  });
  const tensorType = { elemType: dataTypes[dtype], ...(dim && { shape: { dim } }) };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

function tensorProto(tensor: Tensor, name: string, store?: ExternalStore): MessageInitShape<typeof TensorProtoSchema> {
  const head = { name, dims: tensor.shape.map((d) => BigInt(d)), dataType: dataTypes[tensor.dtype] };
  if (store?.takes(tensor)) return { ...head, ...store.entry(tensor) };
  return { ...head, rawData: toBytes(tensor) as Uint8Array<ArrayBuffer> };
}

const utf8 = (text: string) => new TextEncoder().encode(text);

function attributeProto(value: Attribute, store: ExternalStore): MessageInitShape<typeof AttributeProtoSchema> {
  if ('int' in value) return { type: Kind.INT, i: toInt64(value.int) };
  if ('float' in value) return { type: Kind.FLOAT, f: value.float };
  if ('string' in value) return { type: Kind.STRING, s: utf8(value.string) };
  // Operators that look into a tensor attribute while a model is loaded want it inside the file.
  if ('tensor' in value) return { type: Kind.TENSOR, t: tensorProto(value.tensor, '') };
  if ('ints' in value) return { type: Kind.INTS, ints: value.ints.map(toInt64) };
  if ('floats' in value) return { type: Kind.FLOATS, floats: [...value.floats] };
  if ('strings' in value) return { type: Kind.STRINGS, strings: value.strings.map(utf8) };
  return { type: Kind.GRAPH, g: graphProto(value.graph, store) };
}
