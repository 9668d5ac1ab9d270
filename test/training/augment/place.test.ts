import { describe, expect, it } from 'vitest';
import { augmenter, type Augmentation } from '../../../src/training/augment/augment.ts';
import { largestDifference } from '../../golden.ts';
import { asFloats, goldenNames, goldenSet, photos, range, torchvision } from './photos.ts';

describe('crop and flip', () => {
  const reflect = (i: number, size: number): number => (i < 0 ? -i : i >= size ? 2 * size - 2 - i : i);

  for (const border of ['reflect', 'zero'] as const) {
    it(`take every offset and both directions equally often, with ${border} borders, as by direct indexing`, () => {
      const [h, w, padding, n] = [7, 6, 2, 2000];
      const set = photos(3, h, w);
      const source = asFloats(set.pixels);
      const batch = augmenter([{ type: 'crop', padding, border }, { type: 'flip' }])(
        set,
        range(n).map((i) => i % 3),
        5,
        11,
      );
      /** All 50 possible results of each photo, to be looked up. */
      const possible = new Map<string, string>();
      for (let photo = 0; photo < 3; photo++) {
        for (let dy = -padding; dy <= padding; dy++) {
          for (let dx = -padding; dx <= padding; dx++) {
            for (const flipped of [false, true]) {
              const values: number[] = [];
              for (let c = 0; c < 3; c++) {
                for (let y = 0; y < h; y++) {
                  for (let x = 0; x < w; x++) {
                    const [row, column] = [y + dy, (flipped ? w - 1 - x : x) + dx];
                    const outside = row < 0 || row >= h || column < 0 || column >= w;
                    const at = ((photo * 3 + c) * h + reflect(row, h)) * w + reflect(column, w);
                    values.push(outside && border === 'zero' ? 0 : source[at]);
                  }
                }
              }
              possible.set(values.join(), `${photo} ${dy} ${dx} ${flipped}`);
            }
          }
        }
      }
      expect(possible.size).toBe(150);
      const counts = new Map<string, number>();
      for (let i = 0; i < n; i++) {
        const found = possible.get(batch.subarray(i * 3 * h * w, (i + 1) * 3 * h * w).join());
        expect(found?.[0]).toBe(String(i % 3));
        const key = found!.slice(2);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      expect(counts.size).toBe(50);
      // Chi-square with 49 degrees of freedom: 85.4 is exceeded with probability 0.001.
      expect([...counts.values()].reduce((sum, count) => sum + (count - 40) ** 2 / 40, 0)).toBeLessThan(85.4);
    });
  }

  it('flip half of the photos, or the fraction that is asked for', () => {
    const set = photos(1, 2, 3);
    const original = asFloats(set.pixels);
    for (const [probability, fraction] of [[undefined, 0.5] as const, [0.2, 0.2] as const]) {
      const batch = augmenter([{ type: 'flip', probability }])(set, new Int32Array(4000), 1, 0);
      const flips = range(4000).filter((i) => batch[i * 18] !== original[0]).length;
      // Five standard deviations.
      expect(Math.abs(flips / 4000 - fraction)).toBeLessThan(0.04);
    }
  });
});

describe('resizedCrop', () => {
  it('is the identity for the whole photo at its own size', () => {
    const set = photos(4, 8, 8);
    const batch = augmenter([{ type: 'resizedCrop', size: 8, scale: [1, 1], ratio: [1, 1] }])(set, [2, 0], 0, 0);
    expect(batch).toEqual(asFloats(new Uint8Array([...set.pixels.slice(384, 576), ...set.pixels.slice(0, 192)])));
  });

  it.each(goldenNames('resize'))('agrees with torchvision with antialias: %s', (name) => {
    const [height, width] = name.split(' ').slice(1).map(Number);
    const ratio = goldenSet.width / goldenSet.height;
    const list = [
      { type: 'resizedCrop', size: [height, width], scale: [1, 1], ratio: [ratio, ratio] },
    ] as const satisfies Augmentation[];
    const batch = augmenter(list)(goldenSet, [0], 0, 0);
    expect(largestDifference(batch, torchvision.cases[name])).toBeLessThan(1e-6);
  });

  it('takes parts of the areas, ratios and places that are asked for', () => {
    // The red of a pixel is its column, the green its row: corners of an enlarged part tell where it was.
    const [h, w] = [40, 60];
    const pixels = Uint8Array.from({ length: 3 * h * w }, (_, i) =>
      i < h * w ? i % w : i < 2 * h * w ? Math.floor((i - h * w) / w) : 0,
    );
    const scale = [0.1, 0.5] as const;
    const list = [{ type: 'resizedCrop', size: 60, scale, ratio: [0.5, 2] }] as const satisfies Augmentation[];
    const batch = augmenter(list)({ pixels, n: 1, height: h, width: w }, new Int32Array(1500), 3, 0);
    const boxes = range(1500).map((i) => {
      const first = i * 3 * 3600;
      const [left, right] = [batch[first] * 255, batch[first + 59] * 255].map(Math.round);
      const [top, bottom] = [batch[first + 3600] * 255, batch[first + 3600 + 59 * 60] * 255].map(Math.round);
      return { left, right, top, bottom, width: right - left + 1, height: bottom - top + 1 };
    });
    const areas = boxes.map((box) => (box.width * box.height) / (h * w));
    const logs = boxes.map((box) => Math.log2(box.width / box.height));
    // Whole pixels move areas and ratios a little beyond their ranges.
    expect(Math.min(...areas)).toBeGreaterThan(0.09);
    expect(Math.max(...areas)).toBeLessThan(0.53);
    expect(Math.max(...logs.map(Math.abs))).toBeLessThan(1.12);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    // Attempts that do not fit (tall ones of a large area) pull both means a little.
    expect(Math.abs(mean(areas) - 0.3)).toBeLessThan(0.02);
    expect(Math.abs(mean(logs))).toBeLessThan(0.15);
    for (const [edge, at] of [
      ['left', 0],
      ['right', w - 1],
      ['top', 0],
      ['bottom', h - 1],
    ] as const) {
      expect(boxes.some((box) => box[edge] === at)).toBe(true);
    }
    const centres = boxes.map((box) => (box.left + box.right) / 2 - (w - 1) / 2);
    expect(Math.abs(mean(centres))).toBeLessThan(1.5);
  });

  it('falls back to the largest allowed part at the centre', () => {
    const set = photos(1, 2, 8);
    const list = [{ type: 'resizedCrop', size: 2, scale: [1, 1], ratio: [1, 1] }] as const satisfies Augmentation[];
    const source = asFloats(set.pixels);
    const expected = [0, 1, 2].flatMap((c) => [3, 4, 11, 12].map((at) => source[c * 16 + at]));
    expect([...augmenter(list)(set, [0], 0, 0)]).toEqual(expected);
  });
});

it('cutout hides a square around any pixel, cut at the edge', () => {
  const white = { pixels: new Uint8Array(3 * 30).fill(255), n: 1, height: 5, width: 6 };
  const batch = augmenter([{ type: 'cutout', size: 3, fill: 0.25 }])(white, new Int32Array(1000), 2, 0);
  const squares = new Set<string>();
  for (let i = 0; i < 1000; i++) squares.add(batch.subarray(i * 90, i * 90 + 90).join());
  const expected = new Set<string>();
  for (let cy = 0; cy < 5; cy++) {
    for (let cx = 0; cx < 6; cx++) {
      const hidden = (at: number): boolean =>
        Math.abs((Math.floor(at / 6) % 5) - cy) <= 1 && Math.abs((at % 6) - cx) <= 1;
      expected.add(
        range(90)
          .map((at) => (hidden(at) ? 0.25 : 1))
          .join(),
      );
    }
  }
  expect(squares).toEqual(expected);
});
