// Differentiable augmentation against the same in plain float64, one image and one change at a time.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import type { Float32Tensor } from '../../../src/graph/tensor.ts';
import { augmentInputs, drawAugment, addAugment } from '../../../src/training/augment/differentiable.ts';
import { apart, evaluate, everything } from '../gan/toys.ts';
import { normal } from '../networks.ts';

const [n, size] = [7, 8];
const images = normal([n, 3, size, size], 0.3, 1);

/** What was drawn for image i, told from what is fed. */
function changesOf(drawn: Record<string, Float32Tensor>, i: number) {
  const colour = drawn['augment colour'].data.slice(9 * i, 9 * i + 9);
  const c = 1 - drawn['augment level'].data[i];
  const s = (colour[0] - colour[1]) / c;
  // Of a shift, the row that a row of the result comes from.
  const from = (name: string, along: (at: number, to: number) => number) => {
    for (let at = 0; at < size; at++) {
      for (let to = 0; to < size; to++) if (drawn[name].data[i * size * size + along(at, to)]) return to - at;
    }
    throw new Error('nothing is left');
  };
  const down = from('augment rows', (at, to) => at * size + to);
  const right = from('augment columns', (at, to) => to * size + at);
  const cut = (name: string) => Array.from(drawn[name].data.slice(i * size, (i + 1) * size));
  const [rows, columns] = [cut('augment cut rows'), cut('augment cut columns')];
  return { b: drawn['augment level'].data[n + i], s, c, down, right, rows, columns };
}

/** Brightness, saturation, contrast, translation, cutout, each as its paper says it. */
function plain(
  image: ArrayLike<number>,
  { b, s, c, down, right, rows, columns }: ReturnType<typeof changesOf>,
): number[] {
  const area = size * size;
  let x = Array.from(image, (value) => value + b);
  const pixel = (values: number[], p: number) => (values[p] + values[area + p] + values[2 * area + p]) / 3;
  x = x.map((value, k) => (value - pixel(x, k % area)) * s + pixel(x, k % area));
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  x = x.map((value) => (value - mean) * c + mean);
  return x.map((_, k) => {
    const [channel, row, column] = [Math.floor(k / area), Math.floor((k % area) / size), k % size];
    const [r, q] = [row + down, column + right];
    const inside = r >= 0 && r < size && q >= 0 && q < size && !(rows[row] && columns[column]);
    return inside ? x[channel * area + r * size + q] : 0;
  });
}

const drawn = drawAugment(everything, { n, size }, 9, 1);
const result = () => evaluate({ images, ...drawn }, (b, fed) => ({ y: addAugment(b, fed.images, fed) }));

describe('differentiable augmentation', () => {
  it('is brightness, saturation, contrast, translation and cutout, to 1e-6', async () => {
    const { y } = await result();
    const expected = Array.from({ length: n }, (_, i) =>
      plain(images.data.slice(i * 192, (i + 1) * 192), changesOf(drawn, i)),
    ).flat();
    expect(apart(y, expected)).toBeLessThan(1e-6);
    expect(apart(y, images.data)).toBeGreaterThan(0.1);
  });

  it('has the gradient of finite differences, to 1e-3', async () => {
    const weight = normal([n, 3, size, size], 1, 2);
    const { slope } = await evaluate({ images, weight, ...drawn }, (b, fed) => {
      const loss = b.reduceSum(b.mul(addAugment(b, fed.images, fed), fed.weight), [0, 1, 2, 3]);
      return { slope: gradients(b, loss, [fed.images])[0] };
    });
    const value = (image: number[], i: number) =>
      plain(image, changesOf(drawn, i)).reduce((sum, y, k) => sum + y * weight.data[192 * i + k], 0);
    for (const at of [3, 80, 500, 777, 1200]) {
      const i = Math.floor(at / 192);
      const image = Array.from(images.data.slice(192 * i, 192 * (i + 1)));
      const [more, less] = [0.5, -0.5].map((step) => value(image.with(at % 192, image[at % 192] + step), i));
      expect(Math.abs(slope[at] - (more - less))).toBeLessThan(1e-3);
    }
  });

  it('draws within its bounds, the same for the same stream', () => {
    const many = 300;
    const all = drawAugment(everything, { n: many, size }, 4, 2);
    const brightness = Array.from(all['augment level'].data.slice(many));
    const contrast = Array.from(all['augment level'].data.slice(0, many), (value) => 1 - value);
    expect(Math.max(...brightness)).toBeLessThanOrEqual(0.25);
    expect(Math.min(...brightness)).toBeLessThan(-0.24);
    expect(Math.max(...contrast)).toBeLessThanOrEqual(1.5);
    expect(Math.min(...contrast)).toBeGreaterThanOrEqual(0.5);
    // 8 * 0.125 = 1 pixel each way, a third of the images each; and squares of 8 * 0.25 = 2 pixels, fewer at the border.
    const kept = Array.from({ length: many }, (_, i) => all['augment rows'].data.slice(64 * i, 64 * i + 64));
    const still = kept.filter((matrix) => matrix[0] && matrix[63]).length;
    expect(Math.abs(still / many - 1 / 3)).toBeLessThan(0.09);
    const cuts = Array.from({ length: many }, (_, i) =>
      all['augment cut rows'].data.slice(8 * i, 8 * i + 8).reduce((sum, value) => sum + value, 0),
    );
    expect(new Set(cuts)).toEqual(new Set([1, 2]));
    expect(drawAugment(everything, { n: many, size }, 4, 2)).toEqual(all);
    expect(drawAugment(everything, { n: many, size }, 4, 3)).not.toEqual(all);
  });

  it('needs nothing for what is not done, and does nothing then', async () => {
    expect(augmentInputs({}, { n, size })).toEqual({});
    expect(Object.keys(augmentInputs({ cutout: 0.5, contrast: 0 }, { n, size }))).toEqual([
      'augment cut rows',
      'augment cut columns',
    ]);
    const { y } = await evaluate({ images }, (b, fed) => ({ y: b.identity(addAugment(b, fed.images, {})) }));
    expect(apart(y, images.data)).toBe(0);
  });
});
