// A graph of the user's own laid out for any number of images: its batch bound anew, or the graph added several times.
// It does not know which of the values are wanted, or why.

import { UserError } from '../../errors.ts';
import { present } from '../../lookup.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { isStatic, staticShape } from '../../graph/dims.ts';
import type { Graph, Node } from '../../graph/graph.ts';
import { inferShapes } from '../../graph/infer.ts';
import { readNames } from '../../graph/rename.ts';
import { sizeOf } from '../../graph/tensor.ts';
import { feedImage, type ImageInput } from './input.ts';

/**
 * Adds a graph with the image as its only input to a builder.
 * @param images the network's float32 input, `[n, 3, h, w]`.
 * @param prefix gives a new prefix for the names of every copy.
 * @returns the graph's outputs by name, each with n entries along axis 0.
 */
export function addGraph(
  b: GraphBuilder,
  graph: Graph,
  input: ImageInput,
  images: Value,
  prefix: () => string,
): Record<string, Value> {
  const [n] = images.shape;
  const add = (bound: Graph, x: Value) => b.inline(bound, { [input.name]: feedImage(b, x, input) }, prefix());
  const whole = rebound(graph, input, n);
  if (whole) return add(whole, images);
  const each = input.batch ?? 1;
  const copies = Math.ceil(n / each);
  // The last copy is filled up with repetitions of the last image.
  const padded = n % each ? b.pad(images, [0, 0, 0, 0, copies * each - n, 0, 0, 0], 'edge') : images;
  const single = bindBatch(graph, input, each);
  const parts = Array.from({ length: copies }, (_, i) =>
    add(single, b.slice(padded, { axes: [0], starts: [i * each], ends: [(i + 1) * each] })),
  );
  const joined = (name: string): Value => {
    const all = b.concat(
      parts.map((part) => part[name]),
      0,
    );
    return n % each ? b.slice(all, { axes: [0], starts: [0], ends: [n] }) : all;
  };
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, joined(name)]));
}

const bindBatch = (graph: Graph, { name }: ImageInput, batch: number): Graph =>
  inferShapes(graph, { [`${name}[0]`]: batch });

/**
 * The graph for n images at once, or undefined where that cannot be shown to be the same as image by image: an output
 * without n entries, sizes that are built in, or, where the file fixes its batch, an operator that mixes images.
 */
export function rebound(graph: Graph, input: ImageInput, n: number): Graph | undefined {
  let bound: Graph;
  try {
    bound = bindBatch(graph, input, n);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  if (!bound.outputs.every(({ shape }) => isStatic(shape) && shape[0] === n)) return undefined;
  if (input.batch === undefined || input.batch === n) return bound;
  return keepsImagesApart(bindBatch(graph, input, input.batch), bound, input, n) ? bound : undefined;
}

const rowMajor = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);
/** Operators that mix what lies along the axis that they name. */
const alongAxis = new Set(['Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization']);
const recurrent = new Set(['LSTM', 'GRU', 'RNN']);
/** Operators that take images at axis 0 and mix along others. */
const imagesFirst = new Set(
  `Conv ConvTranspose DeformConv MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool
   InstanceNormalization GroupNormalization LRN Resize Upsample GridSample DepthToSpace SpaceToDepth`.split(/\s+/),
);

/** Shape and axis of the images of a value. */
interface Stack {
  readonly shape: readonly number[];
  readonly axis: number;
}

/**
 * Whether every value that is computed from the images has one axis along which they lie, and every operator works on
 * each of them by itself: with n in place of the batch that the file was made for, just that axis grows.
 */
function keepsImagesApart(made: Graph, bound: Graph, input: ImageInput, n: number): boolean {
  const batch = present(input.batch, 'batch');
  const stacks = new Map<string, Stack>([[input.name, { shape: staticShape(bound.inputs[0].shape), axis: 0 }]]);
  for (const node of bound.nodes) {
    if (node.op === 'Shape' || node.op === 'Size' || !readNames(node).some((name) => stacks.has(name))) continue;
    for (const name of node.outputs) {
      if (name === '') continue;
      const [before, shape] = [made, bound].map((graph) => graph.values.get(name)?.shape);
      if (!isStatic(before) || !isStatic(shape) || before.length !== shape.length) return false;
      const grown = shape.flatMap((size, i) => (size === before[i] ? [] : [i]));
      const [axis] = grown;
      if (grown.length !== 1 || shape[axis] * batch !== before[axis] * n) return false;
      if (!staysApart(node, stacks.get(node.inputs[0]), { shape, axis })) return false;
      stacks.set(name, { shape, axis });
    }
  }
  return true;
}

function staysApart({ op, attributes }: Node, from: Stack | undefined, to: Stack): boolean {
  if (imagesFirst.has(op)) return from?.axis === 0;
  if (recurrent.has(op)) return from?.axis === 1;
  if (op === 'CumSum') return false; // its axis is an input
  // Axes before that of the images would cut the values at other places.
  if (from && rowMajor.has(op)) return lead(from) === lead(to);
  const named = attributes.axis && 'int' in attributes.axis ? attributes.axis.int : -1;
  const axis = named < 0 ? named + to.shape.length : named;
  if (alongAxis.has(op)) return axis !== to.axis;
  if (op === 'LayerNormalization' || op === 'RMSNormalization') return to.axis < axis;
  return true;
}

const lead = ({ shape, axis }: Stack): number => sizeOf(shape.slice(0, axis));
