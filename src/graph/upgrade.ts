// Brings a graph of an older operator set to a newer one, so that it can be joined with others and has one form to know.
// It never goes down, and it changes no weights: attributes become inputs, changed defaults are written out.

import { UserError } from '../errors.ts';
import { int, string } from './attributes.ts';
import type { Attribute, Graph, Node } from './graph.ts';
import { inferValues } from './infer.ts';
import type { Known } from './operators/index.ts';
import { float32, fromNumbers, int64 } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** What a rule may ask for and add. */
interface Scope {
  constant(tensor: Tensor, owner: Node): string;
  fresh(owner: Node): string;
  known(name: string): Known;
}

/** What a node becomes in the operator set `to`, the first that differs. */
interface Change {
  readonly to: number;
  readonly ops: readonly string[];
  readonly apply: (node: Node, scope: Scope) => readonly Node[];
}

const without = (node: Node, ...names: string[]): Record<string, Attribute> =>
  Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)));

const numbersOf = (attribute: Attribute | undefined): readonly number[] | undefined => {
  if (!attribute) return undefined;
  if ('ints' in attribute) return attribute.ints;
  if ('floats' in attribute) return attribute.floats;
  if ('int' in attribute) return [attribute.int];
  return 'float' in attribute ? [attribute.float] : undefined;
};

/** An integer list that was an attribute and is the input at `index` from now on. */
const toInput =
  (name: string, index = 1) =>
  (node: Node, scope: Scope): Node[] => {
    const values = numbersOf(node.attributes[name]);
    if (!values) return [node];
    const inputs = [...node.inputs];
    while (inputs.length < index) inputs.push('');
    inputs[index] = scope.constant(int64(values), node);
    return [{ ...node, inputs, attributes: without(node, name) }];
  };

/** A scalar attribute as an input of the type of input 0. */
function scalarInput(node: Node, scope: Scope, value: Attribute | undefined): string {
  const [number] = numbersOf(value) ?? [];
  return number === undefined
    ? ''
    : scope.constant(fromNumbers(scope.known(node.inputs[0]).dtype ?? 'float32', [], [number]), node);
}

function trimmed(inputs: readonly string[]): string[] {
  const out = [...inputs];
  while (out.at(-1) === '') out.pop();
  return out;
}

function slice(node: Node, scope: Scope): Node[] {
  const lists = ['starts', 'ends', 'axes'].map((name) => numbersOf(node.attributes[name]));
  const names = lists.map((values) => (values ? scope.constant(int64(values), node) : ''));
  return [{ ...node, inputs: trimmed([node.inputs[0], ...names]), attributes: {} }];
}

/** The old Upsample and Resize sample at i / scale; the nearest neighbour is below when enlarging, above when shrinking. */
function resize(node: Node, scope: Scope): Node[] {
  const attribute = numbersOf(node.attributes.scales);
  const scales = attribute ? scope.constant(float32([attribute.length], attribute), node) : node.inputs[1];
  const factors = scope.known(node.inputs[1] ?? '').elements?.map(Number) ?? attribute ?? [];
  const shrinks = factors.some((factor) => factor < 1);
  const mode = node.attributes.mode;
  const linear = mode !== undefined && 'string' in mode && mode.string !== 'nearest';
  if (shrinks && !linear && factors.some((factor) => factor > 1)) {
    throw new UserError(
      `Node "${node.name}" (${node.op}) enlarges one axis and shrinks another, which newer operator sets round in one way only.`,
    );
  }
  const attributes = {
    ...without(node, 'scales'),
    coordinate_transformation_mode: string('asymmetric'),
    nearest_mode: string(shrinks ? 'ceil' : 'floor'),
  };
  return [{ ...node, op: 'Resize', inputs: [node.inputs[0], '', scales], attributes }];
}

function clip(node: Node, scope: Scope): Node[] {
  const bounds = ['min', 'max'].map((name) => scalarInput(node, scope, node.attributes[name]));
  return [{ ...node, inputs: trimmed([node.inputs[0], ...bounds]), attributes: {} }];
}

function pad(node: Node, scope: Scope): Node[] {
  const [padded] = toInput('pads')(node, scope);
  const value = scalarInput(node, scope, node.attributes.value);
  return [{ ...padded, inputs: trimmed([...padded.inputs, value]), attributes: without(padded, 'value') }];
}

/** Before set 13, axes from `axis` on were taken together, and the default was 1. */
function softmax(node: Node, scope: Scope): Node[] {
  const axis = numbersOf(node.attributes.axis)?.[0] ?? 1;
  const rank = scope.known(node.inputs[0]).shape?.length;
  const last = { axis: int(-1) };
  if (axis === -1 || (rank !== undefined && axis === rank - 1)) return [{ ...node, attributes: last }];
  const [shape, flat, soft] = [scope.fresh(node), scope.fresh(node), scope.fresh(node)];
  const make = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
    op,
    name: output,
    inputs,
    outputs: [output],
    attributes,
  });
  return [
    make('Shape', [node.inputs[0]], shape),
    make('Flatten', [node.inputs[0]], flat, { axis: int(axis) }),
    make(node.op, [flat], soft, last),
    { ...make('Reshape', [soft, shape], node.outputs[0]), name: node.name },
  ];
}

function batchNormalization(node: Node): Node[] {
  if (numbersOf(node.attributes.spatial)?.[0] === 0) {
    throw new UserError(
      `Node "${node.name}" (BatchNormalization) normalises every position by itself (spatial=0), which newer operator sets cannot.`,
    );
  }
  return [{ ...node, attributes: without(node, 'spatial') }];
}

/** One scale and bias per group became one per channel. */
function groupNormalization(node: Node, scope: Scope): Node[] {
  const groups = numbersOf(node.attributes.num_groups)?.[0];
  const channels = scope.known(node.inputs[0]).shape?.[1];
  if (groups === undefined || typeof channels !== 'number') {
    throw new UserError(
      `Node "${node.name}" (GroupNormalization) cannot be upgraded: its number of channels is not known.`,
    );
  }
  const index = scope.constant(
    int64(Array.from({ length: channels }, (_, i) => Math.floor((i * groups) / channels))),
    node,
  );
  const [scale, bias] = node.inputs.slice(1).map((name): Node => {
    const output = scope.fresh(node);
    return { op: 'Gather', name: output, inputs: [name, index], outputs: [output], attributes: { axis: int(0) } };
  });
  return [scale, bias, { ...node, inputs: [node.inputs[0], scale.outputs[0], bias.outputs[0]] }];
}

const gridModes: Partial<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };

const changes: readonly Change[] = [
  { to: 9, ops: ['BatchNormalization'], apply: batchNormalization },
  { to: 10, ops: ['Slice'], apply: slice },
  { to: 10, ops: ['TopK'], apply: toInput('k') },
  { to: 11, ops: ['Upsample', 'Resize'], apply: resize },
  { to: 11, ops: ['Clip'], apply: clip },
  { to: 11, ops: ['Pad'], apply: pad },
  { to: 11, ops: ['Scatter'], apply: (node) => [{ ...node, op: 'ScatterElements' }] },
  // The ratio matters in training only.
  { to: 12, ops: ['Dropout'], apply: (node) => [{ ...node, attributes: without(node, 'ratio') }] },
  { to: 13, ops: ['Squeeze', 'Unsqueeze', 'ReduceSum'], apply: toInput('axes') },
  { to: 13, ops: ['Split'], apply: toInput('split') },
  { to: 13, ops: ['Softmax', 'LogSoftmax', 'Hardmax'], apply: softmax },
  // Running statistics were further outputs, which only training used.
  { to: 14, ops: ['BatchNormalization'], apply: (node) => [{ ...node, outputs: node.outputs.slice(0, 1) }] },
  {
    to: 16,
    ops: ['RoiAlign'],
    apply: (node) => [
      { ...node, attributes: { coordinate_transformation_mode: string('output_half_pixel'), ...node.attributes } },
    ],
  },
  {
    to: 18,
    ops: ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) => `Reduce${name}`),
    apply: toInput('axes'),
  },
  {
    to: 18,
    ops: ['Split'],
    apply: (node) => [
      node.inputs[1] ? node : { ...node, attributes: { ...node.attributes, num_outputs: int(node.outputs.length) } },
    ],
  },
  {
    to: 20,
    ops: ['GridSample'],
    apply: (node) => {
      const mode = node.attributes.mode;
      const next = mode && 'string' in mode ? (gridModes[mode.string] ?? mode.string) : 'linear';
      return [{ ...node, attributes: { ...node.attributes, mode: string(next) } }];
    },
  },
  { to: 21, ops: ['GroupNormalization'], apply: groupNormalization },
];

/**
 * The graph in the operator set `opset`; the graph itself if its set is that or a newer one.
 * @throws UserError for graphs older than set 7, whose broadcasting was another, and for what newer sets cannot say.
 */
export function upgradeGraph(graph: Graph, opset = 20): Graph {
  if (graph.opset >= opset) return graph;
  if (graph.opset < 7) {
    throw new UserError(
      `The graph "${graph.name}" uses operator set ${graph.opset}; export it with 7 or later (best: 17 or later).`,
    );
  }
  const names = new Set([
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]);
  return upgradePart(graph, opset, names);
}

/** @param names all value names in use, to which new ones are added. */
function upgradePart(graph: Graph, opset: number, names: Set<string>): Graph {
  const constants = new Map<string, Tensor>();
  let inferred: ReturnType<typeof inferValues> | undefined;
  const fresh = (owner: Node) => {
    let count = 1;
    while (names.has(`${owner.outputs[0]}#${count}`)) count++;
    names.add(`${owner.outputs[0]}#${count}`);
    return `${owner.outputs[0]}#${count}`;
  };
  const scope: Scope = {
    fresh,
    constant(tensor, owner) {
      const name = fresh(owner);
      constants.set(name, tensor);
      return name;
    },
    known: (name) => (inferred ??= inferValues(graph)).get(name) ?? {},
  };
  let nodes = graph.nodes.map((node) => upgradeNested(node, opset, names));
  for (const { to, ops, apply } of changes) {
    if (to <= graph.opset || to > opset) continue;
    nodes = nodes.flatMap((node) => (!node.domain && ops.includes(node.op) ? apply(node, scope) : [node]));
  }
  return { ...graph, opset, nodes, initializers: new Map([...graph.initializers, ...constants]) };
}

function upgradeNested(node: Node, opset: number, names: Set<string>): Node {
  const entries = Object.entries(node.attributes);
  if (!entries.some(([, value]) => 'graph' in value)) return node;
  const upgraded = entries.map(([name, value]): [string, Attribute] => {
    if (!('graph' in value)) return [name, value];
    for (const inner of value.graph.nodes) inner.outputs.forEach((output) => names.add(output));
    for (const inner of value.graph.initializers.keys()) names.add(inner);
    return [name, { graph: upgradePart(value.graph, opset, names) }];
  });
  return { ...node, attributes: Object.fromEntries(upgraded) };
}
