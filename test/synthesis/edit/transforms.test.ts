// Maps that are moved, against formulas written another way: permutations, explicit interpolation, areas.

import { describe, expect, it } from 'vitest';
import { normalAt, randomAt } from '../../../src/random.ts';
import {
  boxToBox,
  moved,
  pasted,
  positionsIn,
  rotateBy,
  scaled,
  shiftBy,
  zoomBy,
  type Affine,
  type MapStack,
} from '../../../src/synthesis/edit/transforms.ts';

function stack(
  units: number,
  height: number,
  width: number,
  value: (k: number, y: number, x: number) => number,
): MapStack {
  const plane = height * width;
  const data = Float32Array.from({ length: units * plane }, (_, i) =>
    value(Math.floor(i / plane), Math.floor((i % plane) / width), i % width),
  );
  return { units, height, width, data, coverage: new Float32Array(data.length).fill(1) };
}
const noise = (units: number, height: number, width: number, seed = 1) =>
  stack(units, height, width, (k, y, x) => normalAt(seed, (k * height + y) * width + x));
const at = ({ height, width, data }: MapStack, k: number, y: number, x: number) => data[(k * height + y) * width + x];
const covered = ({ height, width, coverage }: MapStack, k: number, y: number, x: number) =>
  coverage[(k * height + y) * width + x];
const total = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);
const middle = [0.5, 0.5] as const;

/** Another way to write bilinear interpolation: every pixel weighs by its tent; positions stop at the outer centres. */
function tents(map: MapStack, k: number, x: number, y: number): number {
  const px = Math.min(Math.max(x * map.width - 0.5, 0), map.width - 1);
  const py = Math.min(Math.max(y * map.height - 0.5, 0), map.height - 1);
  let sum = 0;
  for (let i = 0; i < map.height; i++) {
    for (let j = 0; j < map.width; j++) {
      sum += Math.max(0, 1 - Math.abs(py - i)) * Math.max(0, 1 - Math.abs(px - j)) * at(map, k, i, j);
    }
  }
  return sum;
}

describe('a shift', () => {
  it.each([
    [2, 1],
    [-3, 2],
    [0, 0],
    [6, -4],
  ])('by whole pixels (%i, %i) is exact', (right, down) => {
    const map = noise(3, 5, 7);
    const result = moved(map, shiftBy(right / 7, down / 5));
    for (let k = 0; k < 3; k++) {
      for (let y = 0; y < 5; y++) {
        for (let x = 0; x < 7; x++) {
          const inside = y - down >= 0 && y - down < 5 && x - right >= 0 && x - right < 7;
          expect(covered(result, k, y, x)).toBe(inside ? 1 : 0);
          expect(at(result, k, y, x)).toBe(inside ? at(map, k, y - down, x - right) : 0);
        }
      }
    }
  });

  it('there and back changes nothing but what left the image, which no longer counts', () => {
    const map = noise(2, 6, 8);
    const result = moved(moved(map, shiftBy(3 / 8, -2 / 6)), shiftBy(-3 / 8, 2 / 6));
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 8; x++) {
        const stayed = x < 5 && y >= 2;
        expect(covered(result, 1, y, x)).toBe(stayed ? 1 : 0);
        expect(at(result, 1, y, x)).toBe(stayed ? at(map, 1, y, x) : 0);
      }
    }
  });

  it('by parts of a pixel there and back keeps what is linear, whatever lies outside', () => {
    const map = stack(1, 16, 16, (_, y, x) => 3 + 0.5 * x - 0.25 * y);
    const result = moved(moved(map, shiftBy(0.31, 0.17)), shiftBy(-0.31, -0.17));
    let seen = 0;
    // The outer half of a border's pixel is constant, so that the first and last row and column bend.
    for (let y = 1; y < 12; y++) {
      for (let x = 1; x < 10; x++) {
        if (covered(result, 0, y, x) < 1) continue;
        seen++;
        expect(at(result, 0, y, x)).toBeCloseTo(at(map, 0, y, x), 5);
      }
    }
    expect(seen).toBeGreaterThan(80);
  });
});

describe('a rotation', () => {
  it('by quarter turns of a square map permutes it, clockwise as seen', () => {
    const n = 6;
    const map = noise(2, n, n);
    const quarter = moved(map, rotateBy(90, middle, 1));
    const half = moved(map, rotateBy(-180, middle, 1));
    for (let y = 0; y < n; y++) {
      for (let x = 0; x < n; x++) {
        // What was in the left column, from the bottom up, is the upper row.
        expect(at(quarter, 1, y, x)).toBe(at(map, 1, n - 1 - x, y));
        expect(at(half, 1, y, x)).toBe(at(map, 1, n - 1 - y, n - 1 - x));
      }
    }
    expect(Math.min(...quarter.coverage, ...half.coverage)).toBe(1);
  });

  it('keeps lengths in pixels where the image is not square', () => {
    // 12 x 6 pixels: a quarter turn takes the middle 6 x 6 to itself; the rest comes from above and below the image.
    const map = noise(1, 6, 12);
    const result = moved(map, rotateBy(90, middle, 2));
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 12; x++) {
        const inside = x >= 3 && x < 9;
        expect(covered(result, 0, y, x)).toBe(inside ? 1 : 0);
        expect(at(result, 0, y, x)).toBe(inside ? at(map, 0, 5 - (x - 3), y + 3) : 0);
      }
    }
  });

  it('on a coarser grid of the same image is the same rotation', () => {
    // A plane in pixels of an image of 64 x 32, on a grid that is square: rotating it turns its slope.
    const [sx, sy] = [0.3, -0.7];
    const place = (i: number, size: number) => ((i + 0.5) / 16 - 0.5) * size;
    const map = stack(1, 16, 16, (_, y, x) => sx * place(x, 64) + sy * place(y, 32));
    const angle = Math.PI / 6;
    const result = moved(map, rotateBy(30, middle, 2));
    let seen = 0;
    for (let y = 0; y < 16; y++) {
      for (let x = 0; x < 16; x++) {
        const [px, py] = [place(x, 64), place(y, 32)];
        // The slope turned clockwise, with y downwards.
        const turned =
          (sx * Math.cos(angle) - sy * Math.sin(angle)) * px + (sx * Math.sin(angle) + sy * Math.cos(angle)) * py;
        const from = [Math.cos(angle) * px + Math.sin(angle) * py, -Math.sin(angle) * px + Math.cos(angle) * py];
        if (Math.abs(from[0]) > 30 || Math.abs(from[1]) > 15) continue;
        seen++;
        expect(at(result, 0, y, x)).toBeCloseTo(turned, 4);
      }
    }
    expect(seen).toBeGreaterThan(100);
  });

  it('covers the part of the image that stays in it', () => {
    // A square turned by 45 degrees about its middle meets itself in a regular octagon of area 2 (sqrt(2) - 1).
    const { coverage } = moved(noise(1, 200, 200), rotateBy(45, middle, 1));
    expect(total(coverage) / coverage.length).toBeCloseTo(2 * (Math.SQRT2 - 1), 2);
  });
});

describe('a zoom', () => {
  it('by 2 about the middle is the interpolation of the middle quarter', () => {
    const map = noise(2, 8, 8);
    const result = moved(map, zoomBy(2, middle));
    // Output pixel i has its centre at (i + 0.5) / 2 + 2 pixels: a quarter from one centre, three from the other.
    const pair = (i: number) => (i % 2 ? [2 + (i - 1) / 2, 0.75] : [1 + i / 2, 0.25]);
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const [row, top] = pair(y);
        const [column, left] = pair(x);
        const expected =
          top * (left * at(map, 1, row, column) + (1 - left) * at(map, 1, row, column + 1)) +
          (1 - top) * (left * at(map, 1, row + 1, column) + (1 - left) * at(map, 1, row + 1, column + 1));
        expect(at(result, 1, y, x)).toBeCloseTo(expected, 6);
      }
    }
    expect(Math.min(...result.coverage)).toBe(1);
  });

  it('out covers the square of its factor, about its centre', () => {
    const { coverage } = moved(noise(1, 100, 100), zoomBy(0.4, [0, 1]));
    expect(total(coverage) / coverage.length).toBeCloseTo(0.16, 6);
    expect(coverage[99 * 100]).toBe(1);
    expect(coverage[99]).toBe(0);
  });
});

describe('any affine map', () => {
  it('interpolates as tents do and covers what lies in the image', () => {
    let count = 0;
    const random = (low: number, high: number) => low + (high - low) * randomAt(5, count++);
    for (let trial = 0; trial < 40; trial++) {
      const [height, width] = [1 + Math.floor(random(0, 9)), 1 + Math.floor(random(0, 9))];
      const map = noise(2, height, width, trial);
      const [a, b, c, d, e, f]: Affine = [
        random(-1.5, 1.5),
        random(-1, 1),
        random(-0.5, 1),
        random(-1, 1),
        random(-1.5, 1.5),
        random(-0.5, 1),
      ];
      const result = moved(map, [a, b, c, d, e, f]);
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const [u, v] = [(j + 0.5) / width, (i + 0.5) / height];
          const [x, y] = [a * u + b * v + c, d * u + e * v + f];
          const inside = x >= 0 && x <= 1 && y >= 0 && y <= 1;
          expect(covered(result, 1, i, j)).toBe(inside ? 1 : 0);
          expect(at(result, 1, i, j)).toBeCloseTo(inside ? tents(map, 1, x, y) : 0, 5);
        }
      }
    }
  });

  it('never mixes in what does not count, nor goes beyond the values that do', () => {
    const map = stack(1, 8, 8, (_, __, x) => (x < 4 ? 1000 : 2));
    map.coverage.forEach((_, i) => (map.coverage[i] = i % 8 < 4 ? 0 : 1));
    const { data, coverage } = moved(map, rotateBy(20, [0.4, 0.6], 1));
    data.forEach((value, i) => expect(value).toBeCloseTo(coverage[i] > 0 ? 2 : 0, 5));
    expect(Math.min(...coverage)).toBe(0);
    expect(Math.max(...coverage)).toBeCloseTo(1, 6);
    // Half a pixel from both kinds: half of it counts.
    expect(moved(map, shiftBy(-0.5 / 8, 0)).coverage[3]).toBe(0.5);
  });

  it('leaves what it was given', () => {
    const map = noise(1, 4, 4);
    const before = map.data.slice();
    moved(map, zoomBy(3, middle));
    pasted(map, map, [0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]);
    scaled(map, 0);
    expect(map.data).toEqual(before);
    expect(Math.min(...map.coverage)).toBe(1);
  });
});

describe('a paste', () => {
  it('between boxes of one size on the grid copies, and leaves the rest', () => {
    const map = noise(2, 8, 8, 1);
    const source = noise(2, 8, 8, 2);
    const result = pasted(map, source, [0.25, 0, 0.75, 0.375], [0.5, 0.5, 1, 0.875]);
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const inside = x >= 4 && y >= 4 && y < 7;
        expect(at(result, 1, y, x)).toBe(inside ? at(source, 1, y - 4, x - 2) : at(map, 1, y, x));
      }
    }
  });

  it('between boxes of different sizes interpolates', () => {
    const map = noise(1, 9, 7, 1);
    const source = noise(1, 9, 7, 2);
    const [from, to] = [
      [0.1, 0.2, 0.5, 0.9],
      [0.3, 0.05, 0.95, 0.6],
    ] as const;
    const result = pasted(map, source, from, to);
    const inside = new Set(positionsIn(9, 7, to));
    expect(inside.size).toBe(5 * 5);
    for (let p = 0; p < 63; p++) {
      const [u, v] = [((p % 7) + 0.5) / 7, (Math.floor(p / 7) + 0.5) / 9];
      const x = 0.1 + (0.4 * (u - 0.3)) / 0.65;
      const y = 0.2 + (0.7 * (v - 0.05)) / 0.55;
      expect(result.data[p]).toBeCloseTo(inside.has(p) ? tents(source, 0, x, y) : map.data[p], 5);
    }
  });

  it('makes what had left the image count again', () => {
    const map = moved(noise(1, 4, 4), shiftBy(0.5, 0));
    expect(total(map.coverage)).toBe(8);
    expect(total(pasted(map, noise(1, 4, 4), [0, 0, 1, 1], [0, 0, 0.5, 1]).coverage)).toBe(16);
  });

  it('maps corners onto corners', () => {
    const [a, b, c, d, e, f] = boxToBox([0.1, 0.2, 0.4, 0.9], [0.5, 0, 0.6, 1]);
    expect([a * 0.5 + c, e * 0 + f, a * 0.6 + c, e * 1 + f]).toEqual(
      [0.1, 0.2, 0.4, 0.9].map((x) => expect.closeTo(x, 12) as number),
    );
    expect([b, d]).toEqual([0, 0]);
  });
});

describe('strength', () => {
  it('scales what is above the mean, in the box only', () => {
    const map = noise(2, 4, 4);
    const box = [0.25, 0, 1, 0.5] as const;
    for (const factor of [2, 0.5, 0]) {
      const result = scaled(map, factor, box);
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 4; x++) {
          const value = at(map, 1, y, x);
          expect(at(result, 1, y, x)).toBe(x >= 1 && y < 2 && value > 0 ? Math.fround(value * factor) : value);
        }
      }
    }
    expect(Math.max(...scaled(map, 0).data)).toBe(0);
  });
});

describe('positions in a box', () => {
  it('are those whose centres lie in it; boxes side by side share none', () => {
    expect(positionsIn(2, 3)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(positionsIn(2, 4, [0.25, 0, 0.6, 0.5])).toEqual([1]);
    expect(positionsIn(4, 4, [0, 0, 0.1, 1])).toEqual([]);
    // The edge at 0.5 is the centre of the third of five columns: it belongs to the right box.
    expect(positionsIn(1, 5, [0, 0, 0.5, 1])).toEqual([0, 1]);
    expect(positionsIn(1, 5, [0.5, 0, 1, 1])).toEqual([2, 3, 4]);
  });
});
