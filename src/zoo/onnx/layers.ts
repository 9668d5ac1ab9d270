// The layers of a graph of the user's own: values with one map per channel, and how to lay them out as NCHW.
// It chooses by shape and operator; which of them to mine is told in taps.ts or by the user.

import { lastOf, present, required } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { isStatic } from '../../graph/dims.ts';
import type { Graph, Node, ValueInfo } from '../../graph/graph.ts';
import { readNames } from '../../graph/rename.ts';
import type { ImageInput, Layout } from './input.ts';
import type { Size } from '../settings.ts';

export interface Layer {
  readonly name: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly layout: Layout;
  /** Whether operators tell what the axes are; otherwise they are taken as usual, [n, c, h, w] or [n, t, c]. */
  readonly sure: boolean;
  /** Of a sequence of tokens: how many precede those of the grid, and whether the grid is a mere guess. */
  readonly tokens?: { readonly skip: number; readonly guessed: boolean };
}

export interface Survey {
  /** In the order in which they are computed. */
  readonly layers: ReadonlyMap<string, Layer>;
  /** How many values computed from the image have a shape that cannot be told before running. */
  readonly unknown: number;
  /** How many sequences have a length that fits no grid. */
  readonly gridless: number;
}

/** Class and register tokens in front of the patches: none, ViT, DeiT distilled, DINOv2 with registers. */
const extras = [0, 1, 2, 5];
const mostExtras = 16;

/** Operators that take channels at axis 1. */
const channelsFirst = new Set(
  `Conv ConvTranspose ConvInteger DeformConv MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool
   BatchNormalization InstanceNormalization GroupNormalization LRN Resize Upsample GridSample DepthToSpace SpaceToDepth`.split(
    /\s+/,
  ),
);

/**
 * All layers of a graph that can be tapped: floating point values computed from the image, `[n, c, h, w]` or tokens
 * `[n, t, c]`, n the batch. Where the graph transposes or flattens maps, their layout and grid are followed through it.
 * @param graph with inferred shapes.
 * @param grid of the tokens, where the user gives one; otherwise the grid that was flattened into so many tokens, then
 * a square.
 */
export function surveyLayers(graph: Graph, input: ImageInput, grid?: Size): Survey {
  const known = new Map([...graph.inputs, ...graph.values.values()].map((info) => [info.name, info]));
  const [batch] = present(required(known, input.name, 'value').shape, 'shape of the input');
  const { axes, grids } = followAxes(graph, input, known);
  const layers = new Map<string, Layer>();
  let unknown = 0;
  let gridless = 0;
  for (const [name, found] of axes) {
    const { dtype, shape } = known.get(name) ?? {};
    if (name === input.name || (dtype && !dtype.includes('float'))) continue;
    if (!isStatic(shape)) {
      unknown++;
    } else if (shape[0] === batch && (shape.length === 3 || shape.length === 4)) {
      const layout = found?.layout ?? (shape.length === 4 ? 'first' : 'last');
      const channels = layout === 'first' ? shape[1] : lastOf(shape);
      const [height, width] = layout === 'first' ? shape.slice(2) : shape.slice(1, -1);
      const place = { name, channels, layout, sure: found?.followed ?? false };
      if (shape.length === 4) {
        layers.set(name, { ...place, height, width });
        continue;
      }
      const fit = gridOf(height, grids, grid);
      if (fit) layers.set(name, { ...place, ...fit.size, tokens: { skip: fit.skip, guessed: fit.guessed } });
      else if (height > mostExtras) gridless++;
    }
  }
  return { layers, unknown, gridless };
}

/** A layer's value as float32 maps `[n, channels, height, width]`. */
export function asMaps(b: GraphBuilder, value: Value, { layout, channels, height, width, tokens }: Layer): Value {
  let y = value;
  if (tokens && tokens.skip > 0) {
    const axis = layout === 'first' ? 2 : 1;
    y = b.slice(y, { axes: [axis], starts: [tokens.skip], ends: [y.shape[axis]] });
  }
  if (layout === 'last') y = b.transpose(y, tokens ? [0, 2, 1] : [0, 3, 1, 2]);
  if (tokens) y = b.reshape(y, [y.shape[0], channels, height, width]);
  return y.dtype === 'float32' ? y : b.cast(y, 'float32');
}

function gridOf(tokens: number, seen: readonly Size[], given: Size | undefined) {
  const area = (size: Size) => size.height * size.width;
  if (given && tokens >= area(given) && tokens <= area(given) + mostExtras) {
    return { size: given, skip: tokens - area(given), guessed: false };
  }
  for (const size of seen) {
    const skip = tokens - area(size);
    if (extras.includes(skip)) return { size, skip, guessed: false };
  }
  for (const skip of extras) {
    const side = Math.sqrt(tokens - skip);
    if (Number.isInteger(side) && side > 1) return { size: { height: side, width: side }, skip, guessed: true };
  }
  return undefined;
}

/** What is known of the axes of a value. */
interface Axes {
  readonly layout: Layout;
  /** Whether the other axes are known to be height and width, or tokens of a grid. */
  readonly followed: boolean;
}

/** The axes of all values computed from the image, where they can be told, and the grids that became sequences. */
function followAxes(graph: Graph, input: ImageInput, known: ReadonlyMap<string, ValueInfo>) {
  const axes = new Map<string, Axes | undefined>([[input.name, { layout: input.layout, followed: true }]]);
  const grids: Size[] = [];
  const shapeOf = (name: string) => {
    const shape = known.get(name)?.shape;
    return isStatic(shape) ? shape : undefined;
  };
  for (const node of graph.nodes) {
    // The shape of a value says nothing of the image.
    if (node.op === 'Shape' || node.op === 'Size' || !readNames(node).some((name) => axes.has(name))) continue;
    const from = shapeOf(node.inputs[0] ?? '');
    for (const name of node.outputs) {
      if (name === '') continue;
      const to = shapeOf(name);
      axes.set(name, to && axesAfter(node, from, to, axes, shapeOf));
      if (from && to && reshapes.has(node.op)) grids.push(...gridBetween(from, to, axes.get(name)));
    }
  }
  return { axes, grids };
}

const reshapes = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** The grid of maps that are flattened to tokens, or of tokens that are laid out as maps. */
function gridBetween(from: readonly number[], to: readonly number[], after: Axes | undefined): Size[] {
  const [wide, narrow] = from.length > to.length ? [from, to] : [to, from];
  if (wide.length === 4 && narrow.length === 3 && after?.followed) {
    const [height, width] = after.layout === 'first' ? wide.slice(2) : wide.slice(1, 3);
    return [{ height, width }];
  }
  // Patches cut out by reshaping.
  return from.length > 4 && to.length === 3 && from[1] * from[2] === to[1] ? [{ height: from[1], width: from[2] }] : [];
}

function axesAfter(
  node: Node,
  from: readonly number[] | undefined,
  to: readonly number[],
  axes: ReadonlyMap<string, Axes | undefined>,
  shapeOf: (name: string) => readonly number[] | undefined,
): Axes | undefined {
  if (to.length !== 3 && to.length !== 4) return undefined;
  if (channelsFirst.has(node.op)) return { layout: 'first', followed: true };
  const before = axes.get(node.inputs[0]);
  if (node.op === 'Transpose') {
    const { perm } = node.attributes;
    const order = perm && 'ints' in perm ? perm.ints : to.map((_, i) => to.length - 1 - i);
    const axis = order.indexOf(before?.layout === 'first' ? 1 : to.length - 1);
    if (!before || order[0] !== 0 || (axis !== 1 && axis !== to.length - 1)) return undefined;
    return { ...before, layout: axis === 1 ? 'first' : 'last' };
  }
  if (reshapes.has(node.op)) {
    const kept = before && from && (before.layout === 'first' ? from[1] === to[1] : from.at(-1) === to.at(-1));
    return kept && from.length !== to.length ? before : undefined;
  }
  if (node.op === 'Einsum') return undefined;
  const alike = readNames(node).filter((name) => axes.has(name) && shapeOf(name)?.length === to.length);
  const found = alike.flatMap((name) => axes.get(name) ?? []);
  const inherited = found.find(({ followed }) => followed) ?? found[0];
  // Weights on the right and normalisations act on the channels, except where a mixer has transposed the tokens there.
  const onLast = { layout: 'last', followed: false } as const;
  if (node.op === 'MatMul') {
    const [left, right] = node.inputs.map((name) => axes.has(name));
    return left && right ? undefined : (inherited ?? (left ? onLast : undefined)); // two factors: attention
  }
  if (node.op === 'LayerNormalization') {
    const { axis } = node.attributes;
    const last = !axis || !('int' in axis) || axis.int === -1 || axis.int === to.length - 1;
    return inherited ?? (last ? onLast : undefined);
  }
  return inherited;
}
