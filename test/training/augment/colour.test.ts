import { describe, expect, it } from 'vitest';
import { Canvas, Draws } from '../../../src/training/augment/canvas.ts';
import { scaleBrightness, scaleContrast, scaleSaturation, turnHue } from '../../../src/training/augment/colour.ts';
import { augmenter } from '../../../src/training/augment/augment.ts';
import { largestDifference } from '../../golden.ts';
import { asFloats, goldenNames, goldenSet, photos, range, torchvision } from './photos.ts';

describe('colours', () => {
  /** A photo, changed in place. */
  const changed = (change: (canvas: Canvas) => void, set: ReturnType<typeof photos> = goldenSet): Float32Array => {
    const canvas = new Canvas();
    canvas.load(set.pixels, 0, set.height, set.width);
    change(canvas);
    return canvas.data.slice(0, 3 * set.height * set.width);
  };
  const changes = {
    brightness: scaleBrightness,
    contrast: scaleContrast,
    saturation: scaleSaturation,
    hue: turnHue,
  };

  for (const [kind, change] of Object.entries(changes)) {
    it.each(goldenNames(kind))('agree with torchvision: %s', (name) => {
      const amount = Number(name.split(' ')[1]);
      const result = changed((canvas) => change(canvas, amount));
      expect(largestDifference(result, torchvision.cases[name])).toBeLessThan(2e-6);
    });
  }

  it('turn hues as a way through HSV does', () => {
    const set = photos(1, 16, 16);
    const source = asFloats(set.pixels);
    for (const turn of [-0.5, -0.123, 0, 1 / 3, 0.49]) {
      const result = changed((canvas) => turnHue(canvas, turn), set);
      for (let i = 0; i < 256; i++) {
        const [r, g, b] = [source[i], source[256 + i], source[512 + i]];
        // Hue as the angle on the hexagon of the chroma plane; back by the one formula for all channels.
        const v = Math.max(r, g, b);
        const chroma = v - Math.min(r, g, b);
        let sixth = 0;
        if (chroma > 0 && v === r) sixth = (((g - b) / chroma) % 6) + 6;
        else if (chroma > 0 && v === g) sixth = (b - r) / chroma + 2;
        else if (chroma > 0) sixth = (r - g) / chroma + 4;
        const hue = sixth + 6 * turn + 6;
        for (const [channel, offset] of [5, 3, 1].entries()) {
          const k = (offset + hue) % 6;
          const expected = v - chroma * Math.max(0, Math.min(k, 4 - k, 1));
          expect(Math.abs(result[channel * 256 + i] - expected)).toBeLessThan(1e-6);
        }
      }
    }
  });

  it('jitter within the ranges, in all orders', () => {
    const grey = { pixels: new Uint8Array(3).fill(100), n: 1, height: 1, width: 1 };
    const factors = augmenter([{ type: 'colourJitter', brightness: 0.4 }])(grey, new Int32Array(2000), 0, 0)
      .filter((_, i) => i % 3 === 0)
      .map((value) => (value * 255) / 100);
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.6 - 1e-6);
    expect(Math.min(...factors)).toBeLessThan(0.602);
    expect(Math.max(...factors)).toBeLessThan(1.4 + 1e-6);
    expect(Math.max(...factors)).toBeGreaterThan(1.398);
    // The factors of one photo, in each of the two orders; the clamping makes them differ.
    const set = { pixels: Uint8Array.from([250, 10, 120, 30, 240, 200]), n: 1, height: 1, width: 2 };
    const strengths = { brightness: 0.9, saturation: 0.9 };
    const orders = range(200).map((position) => {
      const draws = new Draws();
      draws.photo(4, 2, position, 0);
      draws.entry(0);
      const [brightness, saturation] = [draws.within([1 - 0.9, 1.9]), draws.within([1 - 0.9, 1.9])];
      const one = changed((canvas) => (scaleBrightness(canvas, brightness), scaleSaturation(canvas, saturation)), set);
      const two = changed((canvas) => (scaleSaturation(canvas, saturation), scaleBrightness(canvas, brightness)), set);
      return [one.join(), two.join()];
    });
    const batch = augmenter([{ type: 'colourJitter', ...strengths }])(set, new Int32Array(200), 4, 2);
    const found = orders.map((order, i) => order.indexOf(batch.subarray(6 * i, 6 * i + 6).join()));
    expect(found.includes(-1)).toBe(false);
    const differing = orders.map(([one, two], i) => (one === two ? -1 : found[i]));
    const [first, second] = [0, 1].map((order) => differing.filter((f) => f === order).length);
    expect(first + second).toBeGreaterThan(80);
    // Five standard deviations.
    expect(Math.abs(first - second)).toBeLessThan(5 * Math.sqrt(first + second));
  });

  it('become grey, and are turned over, as in torchvision', () => {
    expect(
      largestDifference(augmenter([{ type: 'greyscale' }])(goldenSet, [0], 0, 0), torchvision.cases.greyscale),
    ).toBeLessThan(1e-6);
    expect(
      largestDifference(augmenter([{ type: 'solarise' }])(goldenSet, [0], 0, 0), torchvision.cases.solarise),
    ).toBeLessThan(1e-6);
  });
});

describe('blur', () => {
  const sigmaOf = (name: string): number => Number(name.split(' ')[1]);

  it.each(goldenNames('blur'))('agrees with torchvision, with a kernel of three standard deviations: %s', (name) => {
    const sigma = sigmaOf(name);
    const result = augmenter([{ type: 'blur', sigma: [sigma, sigma] }])(goldenSet, [0], 0, 0);
    expect(largestDifference(result, torchvision.cases[name])).toBeLessThan(1e-6);
  });

  it('is the direct convolution, also of photos smaller than the kernel', () => {
    const [h, w, sigma] = [4, 3, 2];
    const set = photos(1, h, w);
    const source = asFloats(set.pixels);
    const bounce = (i: number, size: number): number => {
      while (i < 0 || i >= size) i = i < 0 ? -i : 2 * size - 2 - i;
      return i;
    };
    const expected = range(3 * h * w).map((at) => {
      const [c, y, x] = [Math.floor(at / (h * w)), Math.floor(at / w) % h, at % w];
      let [sum, weights] = [0, 0];
      for (let dy = -6; dy <= 6; dy++) {
        for (let dx = -6; dx <= 6; dx++) {
          const weight = Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
          sum += weight * source[(c * h + bounce(y + dy, h)) * w + bounce(x + dx, w)];
          weights += weight;
        }
      }
      return sum / weights;
    });
    const result = augmenter([{ type: 'blur', sigma: [sigma, sigma] }])(set, [0], 0, 0);
    expect(largestDifference(result, expected)).toBeLessThan(1e-6);
  });
});
