// Augmentations that move, scale or hide parts of a photo.
// They mix no channels; those that do are in colour.ts.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import { closed, fraction, side, whole } from '../recipe/numbers.ts';
import { type Canvas, mirrored, type Draws, type Operation } from './canvas.ts';

/** How often an entry is applied. */
export const probability = (usual: number) => Type.Optional(fraction(`Fraction of the photos; default ${usual}.`));

/** Two numbers, the smaller first. */
export const rangeOf = (maximum: number, description: string) => {
  const end = Type.Number({ exclusiveMinimum: 0, maximum });
  return Type.Tuple([end, end], { description: `${description}: two numbers in increasing order` });
};

/** A frame of the photo's size at a random place of the photo with a border around it: all offsets equally likely. */
export type Crop = Read<typeof cropSchema>;

export const cropSchema = Type.Object(
  {
    type: Type.Literal('crop'),
    padding: whole('Width of the border in pixels.', 8192, 0),
    border: Type.Optional(
      Type.Enum(['reflect', 'zero'], {
        description: 'What the border shows: the photo mirrored at its edge (default), or black.',
      }),
    ),
  },
  closed,
);

export function crop({ padding, border = 'reflect' }: Crop): Operation {
  return (canvas, draws) => {
    const { data, height, width } = canvas;
    const top = draws.below(2 * padding + 1) - padding;
    const left = draws.below(2 * padding + 1) - padding;
    const out = canvas.spare(height, width);
    const inside = (index: number, size: number): number =>
      border === 'reflect' ? mirrored(index, size) : index >= 0 && index < size ? index : -1;
    for (let y = 0; y < height; y++) {
      const row = inside(y + top, height);
      for (let x = 0; x < width; x++) {
        const column = inside(x + left, width);
        for (let channel = 0; channel < 3; channel++) {
          const value = row < 0 || column < 0 ? 0 : data[(channel * height + row) * width + column];
          out[(channel * height + y) * width + x] = value;
        }
      }
    }
    canvas.swap(height, width);
  };
}

/** Left and right exchanged. */
export type Flip = Read<typeof flipSchema>;

export const flipSchema = Type.Object({ type: Type.Literal('flip'), probability: probability(0.5) }, closed);

export const flip = (): Operation => (canvas) => {
  const { data, height, width } = canvas;
  for (let row = 0; row < 3 * height; row++) data.subarray(row * width, (row + 1) * width).reverse();
};

/** A random part of the photo, scaled to a size: bilinear, and free of aliases where that shrinks it. */
export type ResizedCrop = Read<typeof resizedCropSchema>;

/** What is cut out, and how large it is shown; `type` apart. */
export const cutFields = {
  size: Type.Union([side('Height and width.'), Type.Tuple([side('Height.'), side('Width.')])], {
    description: 'Height and width of the result, or both at once.',
  }),
  scale: Type.Optional(rangeOf(1, "Range of the part's fraction of the area; default 0.08 to 1")),
  ratio: Type.Optional(rangeOf(1000, 'Range of width / height, whose logarithm is uniform; default 3/4 to 4/3')),
};

export const resizedCropSchema = Type.Object({ type: Type.Literal('resizedCrop'), ...cutFields }, closed);

/**
 * As torchvision's RandomResizedCrop of a tensor with `antialias=True`: the part in whole pixels, ten attempts to fit
 * it into the photo, else the largest part of an allowed ratio, at the centre.
 */
export function resizedCrop({ size, scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: ResizedCrop): Operation {
  const [outHeight, outWidth] = typeof size === 'number' ? [size, size] : size;
  const rowTaps = tapsTo(outHeight);
  const columnTaps = tapsTo(outWidth);
  let strip = new Float32Array(0);
  return (canvas, draws) => {
    const { data, height, width } = canvas;
    const box = boxOf(height, width, scale, ratio, draws);
    const across = columnTaps(box.width);
    const down = rowTaps(box.height);
    if (strip.length < box.height * outWidth) strip = new Float32Array(box.height * outWidth);
    const out = canvas.spare(outHeight, outWidth);
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < box.height; y++) {
        const from = (channel * height + box.top + y) * width + box.left;
        for (let x = 0; x < outWidth; x++) {
          const { start, weights } = across[x];
          let sum = 0;
          for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * data[from + start + tap];
          strip[y * outWidth + x] = sum;
        }
      }
      for (let y = 0; y < outHeight; y++) {
        const { start, weights } = down[y];
        const to = (channel * outHeight + y) * outWidth;
        for (let x = 0; x < outWidth; x++) {
          let sum = 0;
          for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * strip[(start + tap) * outWidth + x];
          out[to + x] = sum;
        }
      }
    }
    canvas.swap(outHeight, outWidth);
  };
}

interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

type Range = readonly [number, number];

function boxOf(height: number, width: number, scale: Range, ratio: Range, draws: Draws): Box {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * draws.within(scale);
    const aspect = Math.exp(draws.within(logRatio));
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { top: draws.below(height - h + 1), left: draws.below(width - w + 1), height: h, width: w };
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const w = Math.max(1, Math.min(width, Math.round(height * aspect)));
  const h = Math.max(1, Math.min(height, Math.round(width / aspect)));
  return { top: (height - h) >> 1, left: (width - w) >> 1, height: h, width: w };
}

/** An output pixel: the weights of input pixels from `start` on. */
interface Taps {
  readonly start: number;
  readonly weights: Float64Array;
}

/** Taps of all of `to` output pixels, by the number of input pixels; made once for each. */
function tapsTo(to: number): (from: number) => readonly Taps[] {
  const known = new Map<number, readonly Taps[]>();
  return (from) => {
    let taps = known.get(from);
    if (!taps) known.set(from, (taps = Array.from({ length: to }, (_, i) => tapsOf(i, from, to))));
    return taps;
  };
}

/** A triangle, of the width of an output pixel where that is the wider one, cut at the edge; as Pillow and PyTorch. */
function tapsOf(index: number, from: number, to: number): Taps {
  const step = from / to;
  const reach = Math.max(step, 1);
  const centre = (index + 0.5) * step - 0.5;
  const start = Math.max(0, Math.floor(centre - reach) + 1);
  const end = Math.min(from, Math.ceil(centre + reach));
  const weights = Float64Array.from({ length: end - start }, (_, i) => 1 - Math.abs(start + i - centre) / reach);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { start, weights: weights.map((weight) => weight / sum) };
}

/** A square of one value, its centre at any pixel, cut at the edge. Source: DeVries, Taylor, arXiv 1708.04552. */
export type Cutout = Read<typeof cutoutSchema>;

export const cutoutSchema = Type.Object(
  {
    type: Type.Literal('cutout'),
    size: side('Side of the square in pixels.'),
    fill: Type.Optional(fraction('Value of its pixels; default 0.')),
    probability: probability(1),
  },
  closed,
);

export const cutout =
  ({ size, fill = 0 }: Cutout): Operation =>
  ({ data, height, width }: Canvas, draws) => {
    const top = draws.below(height) - (size >> 1);
    const left = draws.below(width) - (size >> 1);
    const from = Math.max(0, left);
    const to = Math.min(width, left + size);
    for (let channel = 0; channel < 3; channel++) {
      for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
        const row = (channel * height + y) * width;
        data.fill(fill, row + from, row + to);
      }
    }
  };
