// Where a graph takes its image: which input it is, its layout, type and fixed sizes, and how images get into it.
// It does not look at what the graph computes.

import { UserError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Dim, Graph, ValueInfo } from '../../graph/graph.ts';
import type { Bindings } from '../../graph/infer.ts';
import { readNames } from '../../graph/rename.ts';
import type { DType } from '../../graph/tensor.ts';
import type { Size } from '../settings.ts';

/** Where the channels of a value are: right after the batch (NCHW, [n, c, t]) or at the end (NHWC, [n, t, c]). */
export type Layout = 'first' | 'last';

export interface ImageInput {
  readonly name: string;
  /** A floating point type, or uint8 for values from 0 to 255. */
  readonly dtype: DType;
  readonly layout: Layout;
  /** Images that the graph takes at a time; undefined where it takes any number. */
  readonly batch?: number;
  /** Sizes that the graph was made for; undefined where it takes any. */
  readonly height?: number;
  readonly width?: number;
}

const types: readonly DType[] = ['float32', 'float16', 'bfloat16', 'float64', 'uint8'];

/**
 * The input of a graph that is an RGB image, `[n, 3, h, w]` or `[n, h, w, 3]`. Inputs that no node reads do not count.
 * @throws UserError when there is none, or when the graph needs another input besides; the message lists them.
 */
export function imageInput(graph: Graph, owner: string): ImageInput {
  const read = new Set(graph.nodes.flatMap(readNames));
  const inputs = graph.inputs.filter(({ name }) => read.has(name));
  const image = inputs.map(asImage).find((input) => input !== undefined);
  if (!image) {
    throw new UserError(
      `${owner} has no input for RGB images, [n, 3, height, width] or [n, height, width, 3] of floating point or uint8; ` +
        `its inputs are ${describe(inputs)}. Export the part of the network that begins with the image`,
    );
  }
  const others = inputs.filter(({ name }) => name !== image.name);
  if (others.length) {
    throw new UserError(
      `${owner} needs further inputs besides its image "${image.name}": ${describe(others)}. ` +
        'Export the part of the network that needs the image only',
    );
  }
  return image;
}

function asImage({ name, dtype, shape }: ValueInfo): ImageInput | undefined {
  if (shape?.length !== 4 || !types.includes(dtype)) return undefined;
  const fixed = (dim: Dim) => (typeof dim === 'number' ? dim : undefined);
  // Some exporters leave all four dimensions open; images are NCHW then, as nearly everywhere.
  const first = shape[1] === 3 || (fixed(shape[1]) === undefined && shape[3] !== 3);
  if (!first && shape[3] !== 3) return undefined;
  const [height, width] = first ? shape.slice(2) : shape.slice(1, 3);
  return {
    name,
    dtype,
    layout: first ? 'first' : 'last',
    batch: fixed(shape[0]),
    height: fixed(height),
    width: fixed(width),
  };
}

const describe = (inputs: readonly ValueInfo[]): string =>
  inputs
    .map(({ name, dtype, shape }) => `"${name}" ${dtype} ${shape ? `[${shape.join(', ')}]` : '[...]'}`)
    .join('; ') || 'none';

/** Sizes of the image input's axes, as `inferShapes` takes them; the batch stays as it is where none is given. */
export function imageBindings({ name, layout }: ImageInput, size: Size, batch?: number): Bindings {
  const axes = layout === 'first' ? [3, size.height, size.width] : [size.height, size.width, 3];
  const bindings = Object.fromEntries(axes.map((length, i) => [`${name}[${i + 1}]`, length]));
  return batch === undefined ? bindings : { ...bindings, [`${name}[0]`]: batch };
}

/** The network's float32 input `[n, 3, h, w]` in the layout and type of the graph's; bytes are 255 times the value. */
export function feedImage(b: GraphBuilder, x: Value, { dtype, layout }: ImageInput): Value {
  // Bicubic resizing overshoots, and a byte would wrap around.
  let y = dtype === 'uint8' ? b.clip(b.op('Round', [b.mul(x, 255)])[0], 0, 255) : x;
  if (layout === 'last') y = b.transpose(y, [0, 2, 3, 1]);
  return y.dtype === dtype ? y : b.cast(y, dtype);
}
