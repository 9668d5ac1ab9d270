// Which layers of a graph of the user's own to mine when nobody says: a small set that stands for the whole network.
// What can be mined at all is told in layers.ts.

import { lastOf, required } from '../../lookup.ts';
import type { Graph, Node } from '../../graph/graph.ts';
import type { Layer } from './layers.ts';

const leastChannels = 8;

/** Operators that hand a value on without computing a feature. */
const passing = new Set(['Pad', 'Identity', 'Cast', 'Dropout']);
/** Operators that change the spatial size. */
const resizing = new Set(
  'Conv ConvTranspose MaxPool AveragePool LpPool Resize Upsample DepthToSpace SpaceToDepth'.split(' '),
);
/** Non-linearities of the hidden layer of an MLP, or the part of one that exporters spell out. */
const nonlinear = new Set(
  'Relu Gelu Erf Sigmoid Tanh HardSwish HardSigmoid Swish Mish Elu Selu LeakyRelu PRelu Softplus Clip'.split(' '),
);
const arithmetic = new Set(['Add', 'Sub', 'Mul', 'Div']);
const towardsProduct = new Set([...arithmetic, 'Pow', 'Cast', 'Split', 'Slice', 'Identity']);

/**
 * Layers worth mining, in the order of the network. Of convolutions: the last maps before each change of the spatial
 * size by half or more, and the last maps of all, if they have 2x2 positions and 8 channels or more. Of transformers:
 * the hidden layer of each MLP, after its non-linearity; without any, the sums that end the residual branches.
 */
export function defaultLayers(graph: Graph, layers: ReadonlyMap<string, Layer>): string[] {
  const paths = new Paths(graph, layers);
  const stages = stageEnds(graph, paths);
  const hidden = graph.nodes.flatMap((node) => paths.hiddenLayer(node) ?? []);
  const maps = [...layers.values()].filter(isMap);
  const found = new Set([...stages, ...hidden]);
  // The patches that a transformer begins with are maps as well, but not what it comes to.
  if (maps.length && (stages.length || !hidden.length)) found.add(paths.source(lastOf(maps).name));
  const sums = stages.length || hidden.length ? [] : graph.nodes.flatMap((node) => paths.residualSum(node) ?? []);
  if (sums.length) return sums;
  return found.size ? [...layers.keys()].filter((name) => found.has(name)) : [...layers.keys()].slice(-1);
}

const wide = ({ channels, height, width }: Layer): boolean => channels >= leastChannels && height >= 2 && width >= 2;
/** Maps of convolutions, not tokens, and not the matrices of attention. */
const isMap = (layer: Layer): boolean => layer.sure && layer.layout === 'first' && !layer.tokens && wide(layer);

/** For every two sizes between which the network goes, the first maps from which it does: not those inside a block. */
function stageEnds(graph: Graph, paths: Paths): string[] {
  const ends = new Map<string, string>();
  for (const node of graph.nodes) {
    const to = paths.layers.get(node.outputs[0]);
    if (!resizing.has(node.op) || !to || to.height * to.width === 1) continue;
    const name = paths.source(node.inputs[0]);
    const from = paths.layers.get(name);
    if (!from || !isMap(from)) continue;
    const factors = [from.height / to.height, from.width / to.width];
    if (factors.every((factor) => factor < 1.5 && factor > 1 / 1.5)) continue;
    const change = `${from.height}x${from.width}-${to.height}x${to.width}`;
    const other = ends.get(change);
    if (other === undefined || required(paths.order, name, 'layer') < required(paths.order, other, 'layer'))
      ends.set(change, name);
  }
  return [...ends.values()];
}

/** Ways along the nodes of a graph, back to what a value is made from and on to where it goes. */
class Paths {
  readonly order: ReadonlyMap<string, number>;
  readonly #makers = new Map<string, Node>();
  readonly #readers = new Map<string, Node[]>();

  constructor(
    graph: Graph,
    readonly layers: ReadonlyMap<string, Layer>,
  ) {
    this.order = new Map([...layers.keys()].map((name, i) => [name, i]));
    for (const node of graph.nodes) {
      for (const name of node.outputs) this.#makers.set(name, node);
      for (const name of new Set(node.inputs)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
    }
  }

  /** The value that padding and the like were applied to. */
  source(name: string): string {
    const maker = this.#makers.get(name);
    return maker && passing.has(maker.op) && this.layers.has(maker.inputs[0]) ? this.source(maker.inputs[0]) : name;
  }

  /** What a non-linearity after a product with weights comes to, such as x * (1 + erf(x / 2^0.5)) / 2 of its Erf. */
  hiddenLayer(node: Node): string | undefined {
    if (!nonlinear.has(node.op) || !this.#followsProduct(node.inputs[0])) return undefined;
    let layer = this.layers.get(node.outputs[0]);
    for (let next = layer; next; next = this.#arithmeticOn(next)) layer = next;
    if (!layer || layer.channels < leastChannels || layer.height * layer.width < 4) return undefined;
    return layer.tokens || (layer.layout === 'last' && layer.sure) ? layer.name : undefined;
  }

  /** The sum of two branches of tokens. */
  residualSum({ op, inputs, outputs }: Node): string | undefined {
    const layer = this.layers.get(outputs[0]);
    return op === 'Add' && layer?.tokens && inputs.every((name) => this.layers.has(name)) ? layer.name : undefined;
  }

  /** The same maps after the sum or product that alone reads them. */
  #arithmeticOn({ name, channels, height, width }: Layer): Layer | undefined {
    const readers = this.#readers.get(name) ?? [];
    if (readers.length !== 1 || !arithmetic.has(readers[0].op)) return undefined;
    const next = this.layers.get(readers[0].outputs[0]);
    return next?.channels === channels && next.height === height && next.width === width ? next : undefined;
  }

  /** Whether a value is a product with weights, but for biases and factors. */
  #followsProduct(name: string): boolean {
    const maker = this.#makers.get(name);
    if (!maker) return false;
    if (maker.op === 'MatMul' || maker.op === 'Gemm') return !this.layers.has(maker.inputs[1]);
    if (!towardsProduct.has(maker.op)) return false;
    const next = maker.inputs.find((input) => this.layers.has(input));
    return next !== undefined && this.#followsProduct(next);
  }
}
