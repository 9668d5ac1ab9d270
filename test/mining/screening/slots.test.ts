// Slots and signs of sketches: images that the null pairs are partners, folded or not, and every bucket has its share.

import { describe, expect, it } from 'vitest';
import { derangement } from '../../../src/mining/correlation/blocks.ts';
import { dealt } from '../../../src/mining/screening/signs.ts';
import { Slots } from '../../../src/mining/screening/slots.ts';

describe('slots', () => {
  it.each([1, 2, 3, 4, 5, 8, 21, 22, 23, 24])('pair %i images as the null does', (count) => {
    const slots = new Slots([[count]], 4096);
    expect(slots.folded).toBe(false);
    const places = slots.places(0, 0, 0, count).map(({ slot }) => slot);
    expect(new Set(places).size).toBe(count);
    const [partners] = slots.partners([[count]]);
    expect(places.map((slot) => partners[slot])).toEqual(derangement(count).map((i) => places[i]));
  });

  it('give the same places whatever the batches are', () => {
    const slots = new Slots([[8, 22], [13]], 4096);
    const at = (half: 0 | 1, sizes: number[]) => {
      let start = 0;
      return sizes.flatMap((size) => slots.places(0, half, (start += size) - size, size));
    };
    expect(at(1, [4, 8, 4, 6])).toEqual(at(1, [22]));
    expect(at(0, [4, 4])).toEqual(at(0, [8]));
  });

  it('of several parts and halves are apart', () => {
    const slots = new Slots([[8, 9], [12, 5]], 4096); // prettier-ignore
    const all = [
      slots.places(0, 0, 0, 8),
      slots.places(0, 1, 0, 9),
      slots.places(1, 0, 0, 12),
      slots.places(1, 1, 0, 5),
    ];
    const taken = all.flat().map(({ slot }) => slot);
    expect(new Set(taken).size).toBe(taken.length);
    expect(Math.max(...all[0].concat(all[2]).map(({ slot }) => slot))).toBeLessThan(slots.split);
    expect(Math.min(...all[1].concat(all[3]).map(({ slot }) => slot))).toBeGreaterThanOrEqual(slots.split);
    expect(slots.of(0) + slots.of(1)).toBe(slots.count);
  });

  it('are shared by whole blocks where there are more images than values', () => {
    const slots = new Slots([[400, 401]], 64);
    expect(slots.folded).toBe(true);
    expect(slots.count).toBeLessThan(64 + 11);
    const partners = slots.partners([[400, 401]]);
    const places = slots.places(0, 0, 0, 400).map(({ slot }) => slot);
    expect(places.map((slot) => partners[0][slot])).toEqual(derangement(400).map((i) => places[i]));
    const second = slots.places(0, 1, 0, 401).map(({ slot }) => slot - slots.split);
    expect(second.map((slot) => partners[1][slot])).toEqual(derangement(401).map((i) => second[i]));
  });
});

describe('signs', () => {
  it.each([1, 3, 16, 49])('deal 49 positions into %i buckets evenly, with a sign each', (width) => {
    const { bucket, sign } = dealt(3, 17, { height: 7, width: 7 }, width);
    const sizes = new Array<number>(width).fill(0);
    for (const b of bucket) sizes[b]++;
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    expect([...sign].every((s) => Math.abs(s) === 1)).toBe(true);
  });

  it('are random: blocks and seeds differ, and signs are even', () => {
    const grid = { height: 56, width: 56 };
    const [x, y, z] = [dealt(0, 1, grid, 8), dealt(0, 2, grid, 8), dealt(1, 1, grid, 8)];
    for (const [p, q] of [
      [x, y],
      [x, z],
    ]) {
      const same = p.bucket.filter((b, i) => b === q.bucket[i]).length / 3136;
      expect(Math.abs(same - 1 / 8)).toBeLessThan(0.03);
      const agree = p.sign.reduce((sum, s, i) => sum + s * q.sign[i], 0) / 3136;
      expect(Math.abs(agree)).toBeLessThan(0.08);
    }
    expect(dealt(0, 1, grid, 8)).toEqual(x);
  });
});
