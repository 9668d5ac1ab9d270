// Augmentations that change values: colours, inversion, and the blur that DINO's list puts among them.
// They move nothing; what does is in place.ts. Formulas are those of torchvision for float tensors.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import { closed, fraction } from '../recipe/numbers.ts';
import { mirrored, type Canvas, type Operation } from './canvas.ts';
import { probability, rangeOf } from './place.ts';

const clamped = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);

/** Brightness of a colour (ITU-R 601, with torchvision's digits). */
const grey = (r: number, g: number, b: number): number => 0.2989 * r + 0.587 * g + 0.114 * b;

/** Up to four changes in a random order, as torchvision's ColorJitter. One that is 0, the default, is left out. */
export type ColourJitter = Read<typeof colourJitterSchema>;

const strength = (of: string) =>
  Type.Optional(
    Type.Number({ minimum: 0, maximum: 100, description: `The factor of ${of} is in [max(0, 1 - this), 1 + this].` }),
  );

export const colourJitterSchema = Type.Object(
  {
    type: Type.Literal('colourJitter'),
    brightness: strength('all values'),
    contrast: strength("the distance to the photo's mean grey"),
    saturation: strength("the distance to each pixel's grey"),
    hue: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 0.5,
        description: 'The turn of the hue is in [-this, this]; 1 is a full turn.',
      }),
    ),
    probability: probability(1),
  },
  closed,
);

export function colourJitter({ brightness = 0, contrast = 0, saturation = 0, hue = 0 }: ColourJitter): Operation {
  const around = (strength: number) => [Math.max(0, 1 - strength), 1 + strength] as const;
  const changes = [
    { strength: brightness, range: around(brightness), change: scaleBrightness },
    { strength: contrast, range: around(contrast), change: scaleContrast },
    { strength: saturation, range: around(saturation), change: scaleSaturation },
    { strength: hue, range: [-hue, hue] as const, change: turnHue },
  ].filter(({ strength }) => strength > 0);
  return (canvas, draws) => {
    const order = changes.map((_, i) => i);
    const amounts = changes.map(({ range }) => draws.within(range));
    for (let i = 0; i < order.length; i++) {
      const j = i + draws.below(order.length - i);
      [order[i], order[j]] = [order[j], order[i]];
      changes[order[i]].change(canvas, amounts[order[i]]);
    }
  };
}

/** All values times `factor`, clamped to [0, 1]. */
export function scaleBrightness({ data, height, width }: Canvas, factor: number): void {
  for (let i = 0; i < 3 * height * width; i++) data[i] = clamped(data[i] * factor);
}

/** Distances to the mean of the photo's grey times `factor`, clamped to [0, 1]. */
export function scaleContrast({ data, height, width }: Canvas, factor: number): void {
  const area = height * width;
  let sum = 0;
  for (let i = 0; i < area; i++) sum += grey(data[i], data[area + i], data[2 * area + i]);
  const rest = (1 - factor) * (sum / area);
  for (let i = 0; i < 3 * area; i++) data[i] = clamped(factor * data[i] + rest);
}

/** Distances to each pixel's own grey times `factor`, clamped to [0, 1]. */
export function scaleSaturation({ data, height, width }: Canvas, factor: number): void {
  const area = height * width;
  for (let i = 0; i < area; i++) {
    const rest = (1 - factor) * grey(data[i], data[area + i], data[2 * area + i]);
    for (let at = i; at < 3 * area; at += area) data[at] = clamped(factor * data[at] + rest);
  }
}

/** Hues of HSV turned by `turn`, 1 being a full turn; saturation and value stay. */
export function turnHue({ data, height, width }: Canvas, turn: number): void {
  const area = height * width;
  for (let i = 0; i < area; i++) {
    const r = data[i];
    const g = data[area + i];
    const b = data[2 * area + i];
    const most = Math.max(r, g, b);
    const least = Math.min(r, g, b);
    const spread = most - least;
    if (spread === 0) continue;
    // In sixths of a turn, from red.
    const hue = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
    const turned = (((hue + 6 * turn) % 6) + 6) % 6;
    const sector = Math.floor(turned) % 6;
    const part = turned - Math.floor(turned);
    const falling = most - spread * part;
    const rising = least + spread * part;
    data[i] = sector === 0 || sector === 5 ? most : sector === 1 ? falling : sector === 4 ? rising : least;
    data[area + i] = sector === 1 || sector === 2 ? most : sector === 3 ? falling : sector === 0 ? rising : least;
    data[2 * area + i] = sector === 3 || sector === 4 ? most : sector === 5 ? falling : sector === 2 ? rising : least;
  }
}

/** Each pixel's grey in all three channels. */
export type Greyscale = Read<typeof greyscaleSchema>;

export const greyscaleSchema = Type.Object({ type: Type.Literal('greyscale'), probability: probability(1) }, closed);

export const greyscale = (): Operation => (canvas) => scaleSaturation(canvas, 0);

/** Values from `threshold` on turned over: 1 - value. */
export type Solarise = Read<typeof solariseSchema>;

export const solariseSchema = Type.Object(
  {
    type: Type.Literal('solarise'),
    threshold: Type.Optional(fraction('Default 0.5: of bytes, from 128 on.')),
    probability: probability(1),
  },
  closed,
);

export const solarise =
  ({ threshold = 0.5 }: Solarise): Operation =>
  ({ data, height, width }) => {
    for (let i = 0; i < 3 * height * width; i++) if (data[i] >= threshold) data[i] = 1 - data[i];
  };

/** Gaussian blur of a random width; the photo is mirrored at its edge. */
export type Blur = Read<typeof blurSchema>;

export const blurSchema = Type.Object(
  {
    type: Type.Literal('blur'),
    sigma: Type.Optional(rangeOf(1000, 'Range of the standard deviation in pixels; default 0.1 to 2')),
    probability: probability(1),
  },
  closed,
);

export function blur({ sigma = [0.1, 2] }: Blur): Operation {
  let padded = new Float32Array(0);
  return (canvas, draws) => {
    const { data, height, width } = canvas;
    const weights = gaussian(draws.within(sigma));
    const reach = (weights.length - 1) / 2;
    const out = canvas.spare(height, width);
    const longest = Math.max(height, width) + 2 * reach;
    if (padded.length < longest) padded = new Float32Array(longest);
    /** One row or column, in place or from one buffer to the other. */
    const along = (from: Float32Array, to: Float32Array, start: number, size: number, step: number): void => {
      for (let i = 0; i < size; i++) padded[reach + i] = from[start + i * step];
      for (let i = 1; i <= reach; i++) {
        padded[reach - i] = padded[reach + mirrored(-i, size)];
        padded[reach + size - 1 + i] = padded[reach + mirrored(size - 1 + i, size)];
      }
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * padded[i + tap];
        to[start + i * step] = sum;
      }
    };
    for (let row = 0; row < 3 * height; row++) along(data, out, row * width, width, 1);
    for (let channel = 0; channel < 3; channel++) {
      for (let x = 0; x < width; x++) along(out, out, channel * height * width + x, height, width);
    }
    canvas.swap(height, width);
  };
}

/** Samples of a Gaussian at whole pixels up to three standard deviations; their sum is 1. */
function gaussian(sigma: number): Float64Array {
  const reach = Math.ceil(3 * sigma);
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
