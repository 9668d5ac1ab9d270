// Fresh weights for a graph of the user's own, told from where each constant is used: the graph's untrained twin.
// Checkpoints, whose tensors have telling names, are in twin.ts.

import { lastOf, required } from '../../lookup.ts';
import { isStatic } from '../../graph/dims.ts';
import type { Attribute, Graph, Node } from '../../graph/graph.ts';
import { fromNumbers, sizeOf, toFloat32, type Tensor } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';

/** What a constant becomes: normal with a standard deviation, He's by the number of terms of a sum or another, or one value. */
type Fresh = { readonly fanIn: number } | { readonly std: number } | { readonly fill: number };

/** Standard deviation of position embeddings and the like, as in ViT and its kin. */
const embedding: Fresh = { std: 0.02 };

/** Constants of fewer elements are numbers of a formula or per colour, not weights. */
const leastWeights = 8;

/** Operators that hand on weights in another order, shape or type. */
const layouts = new Set(['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Cast', 'Identity']);

/**
 * The graph with untrained weights: He-normal for convolutions and matrices, 1 and 0 for scales and biases of
 * normalisations, 0 for other biases, 1 for other factors per channel, 0.02 as the standard deviation of embeddings. Integers,
 * small constants, and tables of at most two numbers (masks) stay.
 * @param graph with inferred shapes.
 * Source: He et al., "Delving Deep into Rectifiers", 2015.
 */
export function freshGraph(graph: Graph, seed: number): Graph {
  const initializers = new Map(graph.initializers);
  let stream = 0;
  for (const [name, rule] of freshRules(graph)) {
    stream++;
    const { dtype, shape, data } = required(initializers, name, 'constant');
    const values = new Float32Array(data.length);
    const std = 'fanIn' in rule ? Math.sqrt(2 / rule.fanIn) : 'std' in rule ? rule.std : 0;
    if ('fill' in rule) values.fill(rule.fill);
    else fillNormal(values, std, seed, stream);
    initializers.set(
      name,
      dtype === 'float32' ? { dtype, shape, data: values } : fromNumbers(dtype, shape, Array.from(values)),
    );
  }
  return { ...graph, initializers };
}

/** What becomes of each constant that does not stay. The first use in the graph decides. */
function freshRules(graph: Graph): Map<string, Fresh> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  /** The constant behind a value that merely lays it out anew. */
  const constantOf = (name: string): string | undefined => {
    if (graph.initializers.has(name)) return name;
    const maker = makers.get(name);
    return maker && layouts.has(maker.op) ? constantOf(maker.inputs[0]) : undefined;
  };
  const shapeOf = (name: string) => (graph.initializers.get(name) ?? graph.values.get(name))?.shape;
  const rules = new Map<string, Fresh>();
  const others = new Set<string>();
  for (const node of graph.nodes) {
    if (layouts.has(node.op)) continue;
    node.inputs.forEach((input, index) => {
      const name = constantOf(input);
      const shape = shapeOf(input);
      if (name === undefined || rules.has(name) || !isWeight(required(graph.initializers, name, 'constant'))) return;
      const rule = isStatic(shape) ? ruleOf(node, index, shape) : undefined;
      if (rule) rules.set(name, rule);
      else others.add(name);
    });
  }
  for (const name of others) {
    if (!rules.has(name) && required(graph.initializers, name, 'constant').shape.length >= 2)
      rules.set(name, embedding);
  }
  return rules;
}

function isWeight(tensor: Tensor): boolean {
  if (!tensor.dtype.includes('float') || tensor.data.length < leastWeights) return false;
  const values = toFloat32(tensor);
  const other = values.find((value) => value !== values[0]);
  return other === undefined || values.some((value) => value !== values[0] && value !== other);
}

function ruleOf({ op, attributes }: Node, index: number, shape: readonly number[]): Fresh | undefined {
  const vector = shape.filter((size) => size > 1).length <= 1;
  switch (op) {
    case 'Conv':
      return index === 1 ? { fanIn: sizeOf(shape.slice(1)) } : { fill: 0 };
    case 'ConvTranspose':
      return index === 1 ? { fanIn: (shape[0] / numberOf(attributes.group, 1)) * sizeOf(shape.slice(2)) } : { fill: 0 };
    case 'Gemm': {
      if (index === 2) return { fill: 0 };
      const transposed = numberOf(attributes[index === 1 ? 'transB' : 'transA'], 0) === 1;
      return { fanIn: shape[transposed === (index === 1) ? 1 : 0] };
    }
    case 'MatMul':
      return { fanIn: (index === 1 ? shape.at(-2) : undefined) ?? lastOf(shape) };
    case 'BatchNormalization':
      return { fill: [0, 1, 0, 0, 1][index] };
    case 'LayerNormalization':
    case 'InstanceNormalization':
    case 'GroupNormalization':
    case 'RMSNormalization':
      return { fill: index === 1 ? 1 : 0 };
    case 'PRelu':
      return { fill: 0.25 };
    case 'Add':
    case 'Sub':
      return vector ? { fill: 0 } : embedding;
    case 'Mul':
    case 'Div':
      return { fill: 1 };
    default:
      return undefined;
  }
}

const numberOf = (attribute: Attribute | undefined, fallback: number): number =>
  attribute && 'int' in attribute ? attribute.int : fallback;
