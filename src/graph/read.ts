// Reads an ONNX file into a graph. Weights stay where they are: tensors share memory with the given bytes.
// It checks that the file is whole and its values are made before they are used, not that operators fit (infer.ts).

import { fromBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType as Kind, ModelProtoSchema } from 'onnx-buf';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto } from 'onnx-buf';
import { UserError } from '../errors.ts';
import { checkGraph } from './check.ts';
import type { Attribute, Dim, Graph, Node, ValueInfo } from './graph.ts';
import { dtypeOf } from './onnx-types.ts';
import { readTensor } from './read-tensor.ts';
import type { ReadOptions } from './read-tensor.ts';
import { float32, int64 } from './tensor.ts';
import type { Tensor } from './tensor.ts';

export type { ReadOptions } from './read-tensor.ts';

/** What parts of a file have in common while it is read. */
interface File extends ReadOptions {
  readonly opset: number;
  readonly domains: Record<string, number>;
}

/**
 * The graph of an ONNX model.
 * @param options.external gives the bytes of weights that are kept beside the model; `location` is relative to it and
 * never leads out of its folder.
 * @throws UserError when the bytes are no ONNX model, are cut short, or use what a graph here cannot hold.
 */
export function readOnnx(bytes: Uint8Array, options: ReadOptions = {}): Graph {
  const model = parse(bytes);
  if (!model.graph || model.opsetImport.length === 0) {
    throw new UserError(
      'This is not an ONNX model: it has no graph or names no operator set. Check the file and its download.',
    );
  }
  if (model.functions.length > 0) {
    const names = model.functions.map((f) => f.name).join(', ');
    throw new UserError(
      `The ONNX model defines functions of its own (${names}), which are not supported; ` +
        'export it with functions inlined (onnx.inliner.inline_local_functions).',
    );
  }
  const versions = new Map(
    model.opsetImport.map(({ domain, version }) => [domain === 'ai.onnx' ? '' : domain, Number(version)]),
  );
  const opset = versions.get('');
  if (opset === undefined || opset < 1) {
    throw new UserError(
      "The ONNX model names no version of ONNX's operator set; export it again with an `opset_version`.",
    );
  }
  versions.delete('');
  const graph = graphOf(model.graph, { ...options, opset, domains: Object.fromEntries(versions) });
  checkGraph(graph);
  const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
  return model.metadataProps.length > 0 ? { ...graph, metadata } : graph;
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`This ONNX model is incomplete (${reason}). Check the file and its download.`, { cause });
  }
}

function graphOf(proto: GraphProto, file: File): Graph {
  if (proto.sparseInitializer.length > 0) {
    const names = proto.sparseInitializer.map((sparse) => sparse.values?.name ?? '').join(', ');
    throw new UserError(
      `The ONNX model has sparse weights (${names}), which are not supported; export them as dense tensors.`,
    );
  }
  const initializers = new Map(
    proto.initializer.map((tensor) => [tensor.name, readTensor(tensor, `weight "${tensor.name}"`, file)]),
  );
  if (initializers.size < proto.initializer.length) throw new UserError('The ONNX model has two weights of one name.');
  const required = (info: ValueInfoProto, what: string): ValueInfo => {
    const found = infoOf(info);
    if (found) return found;
    throw new UserError(
      `The ${what} "${info.name}" of the ONNX model ${describeType(info)}, where a tensor of numbers is expected; ` +
        'export the model with tensor inputs and outputs.',
    );
  };
  const nodes = proto.node.map((node) => nodeOf(node, file));
  const constants = nodes.flatMap((node) => {
    const tensor = constantOf(node);
    return tensor ? [[node.outputs[0], tensor] as const] : [];
  });
  const values = proto.valueInfo.flatMap((info) => infoOf(info) ?? []);
  return {
    name: proto.name,
    // Older files list weights among the inputs as well.
    inputs: proto.input.filter((info) => !initializers.has(info.name)).map((info) => required(info, 'input')),
    outputs: proto.output.map((info) => required(info, 'output')),
    nodes: nodes.filter((node) => !constantOf(node)),
    initializers: new Map([...initializers, ...constants]),
    values: new Map(values.map((info) => [info.name, info])),
    opset: file.opset,
    ...(Object.keys(file.domains).length > 0 && { domains: file.domains }),
  };
}

/** The tensor of a Constant node. Weights are kept in one place only, also those that exporters write as nodes. */
function constantOf({ op, domain, outputs, attributes }: Node): Tensor | undefined {
  if (op !== 'Constant' || domain || !outputs[0]) return undefined;
  const { value, value_int, value_ints, value_float, value_floats } = attributes;
  if (value && 'tensor' in value) return value.tensor;
  if (value_int && 'int' in value_int) return int64([value_int.int], []);
  if (value_ints && 'ints' in value_ints) return int64(value_ints.ints);
  if (value_float && 'float' in value_float) return float32([], [value_float.float]);
  return value_floats && 'floats' in value_floats
    ? float32([value_floats.floats.length], value_floats.floats)
    : undefined;
}

/** Name, type and shape of a tensor; undefined for other types. */
function infoOf({ name, type }: ValueInfoProto): ValueInfo | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  const dtype = dtypeOf(elemType);
  if (!dtype) return undefined;
  const dims = shape?.dim.map(({ value }): Dim => {
    // Some exporters write a dynamic dimension as -1.
    if (value.case === 'dimValue') return value.value < 0n ? '?' : Number(value.value);
    return value.value || '?';
  });
  return { name, dtype, ...(dims && { shape: dims }) };
}

function describeType({ type }: ValueInfoProto): string {
  if (type?.value.case === undefined) return 'has no type';
  if (type.value.case !== 'tensorType') return `is a ${type.value.case.replace('Type', '')}`;
  return `has elements of ONNX type ${type.value.value.elemType}`;
}

function nodeOf(proto: NodeProto, file: File): Node {
  const label = `node "${proto.name || (proto.output[0] ?? '')}" (${proto.opType})`;
  const attributes = proto.attribute.map((attribute) => [attribute.name, attributeOf(attribute, label, file)] as const);
  return {
    op: proto.opType,
    name: proto.name,
    ...(proto.domain && proto.domain !== 'ai.onnx' && { domain: proto.domain }),
    inputs: proto.input,
    outputs: proto.output,
    attributes: Object.fromEntries(attributes),
  };
}

function attributeOf(proto: AttributeProto, node: string, file: File): Attribute {
  const label = `attribute "${proto.name}" of ${node}`;
  const text = (bytes: Uint8Array) => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new UserError(`The ${label} in the ONNX model is not UTF-8 text; binary attributes are not supported.`, {
        cause,
      });
    }
  };
  if (proto.type === Kind.FLOAT) return { float: proto.f };
  if (proto.type === Kind.INT) return { int: Number(proto.i) };
  if (proto.type === Kind.STRING) return { string: text(proto.s) };
  if (proto.type === Kind.FLOATS) return { floats: proto.floats };
  if (proto.type === Kind.INTS) return { ints: proto.ints.map(Number) };
  if (proto.type === Kind.STRINGS) return { strings: proto.strings.map(text) };
  if (proto.type === Kind.TENSOR && proto.t) return { tensor: readTensor(proto.t, label, file) };
  if (proto.type === Kind.GRAPH && proto.g) return { graph: graphOf(proto.g, file) };
  throw new UserError(
    `The ${label} in the ONNX model is of kind ${Kind[proto.type] ?? proto.type}, which is not supported.`,
  );
}
