import { describe, expect, it } from 'vitest';
import { resampleMatrix } from '../../src/graph/resample.ts';
import { randomAt } from '../../src/random.ts';
import { benjaminiHochberg, qValues } from '../../src/mining/matching/controls.ts';
import { clusterBySimilarity } from '../../src/mining/matching/concepts.ts';
import { adjointColumns, columnSums, gramDiagonals } from '../../src/mining/correlation/grid.ts';
import { Direction, Neighbours } from '../../src/mining/correlation/neighbours.ts';
import { PairJudge } from '../../src/mining/matching/mutual-neighbours.ts';
import { anchoredSets, mutualSets, ZooNeighbours } from '../../src/mining/matching/rosetta-sets.ts';
import { TopK } from '../../src/mining/correlation/top-k.ts';
import { blockSize, derangement } from '../../src/mining/correlation/blocks.ts';
import { normal } from './fixtures.ts';

describe('grids', () => {
  it.each([
    [1, 7],
    [7, 14],
    [7, 56],
    [4, 7],
    [14, 56],
    [5, 128],
    [3, 4],
  ])('U of %i to %i: its adjoint, sums and Gram matrix', (from, to) => {
    const u = resampleMatrix(from, to, { mode: 'bilinear' });
    const x = Float64Array.from(normal(1, from));
    const y = Float64Array.from(normal(2, to));
    const ux = Float64Array.from({ length: to }, (_, o) => x.reduce((sum, v, i) => sum + u[o * from + i] * v, 0));
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);
    const columns = adjointColumns(to, from)!;
    const back = Float64Array.from({ length: from }, (_, i) =>
      y.reduce((sum, v, o) => sum + v * columns[o * from + i], 0),
    );
    expect(dot(x, back)).toBeCloseTo(dot(ux, y), 10);
    expect(dot(columnSums(from, to), x)).toBeCloseTo(
      ux.reduce((sum, v) => sum + v, 0),
      10,
    );
    const { main, next } = gramDiagonals(from, to);
    const square = x.reduce((sum, v, i) => sum + main[i] * v * v + (i + 1 < from ? 2 * next[i] * v * x[i + 1] : 0), 0);
    expect(square).toBeCloseTo(dot(ux, ux), 10);
  });
});

describe('the null', () => {
  it('pairs every image with another one of its block, each once', () => {
    for (let count = 2; count < 40; count++) {
      const pairs = derangement(count);
      expect([...pairs].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      pairs.forEach((j, i) => {
        expect(j).not.toBe(i);
        expect(Math.abs(j - i)).toBeLessThanOrEqual(blockSize);
      });
    }
  });

  it('does not depend on where a sequence is cut into batches', () => {
    const whole = derangement(45);
    const parts = [...derangement(16), ...derangement(24).map((i) => i + 16), ...derangement(5).map((i) => i + 40)];
    expect(parts).toEqual(whole);
  });

  it("gives Benjamini-Hochberg q-values as R's p.adjust", () => {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005, 0.2, 0.9), 'BH')
    const q = benjaminiHochberg(Float64Array.of(0.01, 0.04, 0.03, 0.005, NaN, 0.2, 0.9));
    [0.03, 0.06, 0.06, 0.03, NaN, 0.24, 0.9].forEach((value, i) => {
      if (Number.isNaN(value)) expect(q[i]).toBeNaN();
      else expect(q[i]).toBeCloseTo(value, 12);
    });
  });

  it('is uniform where there is nothing to find, and small where there is', () => {
    const units = 400;
    const direction = new Direction(units, 1, 1);
    const maximum = (seed: number, u: number) =>
      Math.max(...Array.from({ length: 50 }, (_, v) => randomAt(seed, u * 50 + v) * 0.1));
    for (let u = 0; u < units; u++) {
      direction.all.offer(u, 0, u < 100 ? 0.6 : maximum(1, u));
      direction.nullBest[u] = maximum(2, u);
      direction.nullHalves[0][u] = maximum(3, u);
      direction.nullHalves[1][u] = maximum(4, u);
    }
    const q = qValues(direction);
    expect(q.slice(0, 100).every((value) => value < 0.01)).toBe(true);
    // At a false discovery rate of 5 %, about 5 of the 100 that are found may be wrong.
    expect(q.slice(100).filter((value) => value < 0.05).length).toBeLessThanOrEqual(12);
  });
});

describe('the k best', () => {
  it('are those of sorting, ties to the lower index', () => {
    const values = Array.from({ length: 500 }, (_, i) => Math.fround(Math.round(randomAt(9, i) * 40) / 40));
    const top = new TopK(1, 12, 1);
    const order = Array.from(values.keys()).sort((a, b) => randomAt(10, a) - randomAt(10, b));
    for (const i of order) top.offer(0, i, values[i], [i / 2]);
    const expected = Array.from(values.keys())
      .sort((a, b) => values[b] - values[a] || a - b)
      .slice(0, 12);
    expect(Array.from(top.index)).toEqual(expected);
    expect(Array.from(top.extra[0])).toEqual(expected.map((i) => i / 2));
    expect(top.rank(0, expected[3])).toBe(3);
    expect(top.rank(0, expected[3], 3)).toBe(-1);
  });
});

/** Neighbours of every two of three models from score tables `[i][j][u][v]`. */
function zooOf(tables: Record<string, number[][]>, k: number): ZooNeighbours {
  const judges = Object.entries(tables).map(([key, table]): [string, PairJudge] => {
    const neighbours = new Neighbours(table.length, table[0].length, 5, k);
    table.forEach((row, u) =>
      row.forEach((r, v) => {
        neighbours.forward.all.offer(u, v, r);
        neighbours.backward.all.offer(v, u, r);
      }),
    );
    return [key, new PairJudge(neighbours, k)];
  });
  return new ZooNeighbours(3, new Map(judges));
}

describe('Rosetta sets', () => {
  const tables = {
    '0 1': [
      [0.9, 0.1, 0.2],
      [0.8, 0.3, 0.1],
      [0.1, 0.2, 0.7],
    ],
    '0 2': [
      [0.8, 0.1],
      [0.2, 0.6],
      [0.1, 0.5],
    ],
    '1 2': [
      [0.7, 0.1],
      [0.1, 0.2],
      [0.3, 0.9],
    ],
  };
  it('without an anchor are pairwise mutual neighbours', () => {
    const sets = mutualSets(zooOf(tables, 1), 1);
    // Unit 2 of model 0 and unit 2 of model 1 choose each other, but model 2's unit 1 prefers unit 1 of model 0.
    expect(sets.map(({ units }) => units)).toEqual([[0, 0, 0]]);
    expect(sets[0].pairs.map(({ r }) => r).map((r) => Math.round(r * 10) / 10)).toEqual([0.9, 0.8, 0.7]);
  });
  const bruteForce = (k: number): number[][] => {
    const near = (row: number[], i: number) => row.filter((r) => r > row[i]).length < k;
    const mutual = (table: number[][], u: number, v: number) =>
      near(table[u], v) &&
      near(
        table.map((row) => row[v]),
        u,
      );
    const all = [0, 1, 2].flatMap((u) => [0, 1, 2].flatMap((v) => [0, 1].map((w) => [u, v, w])));
    return all.filter(
      ([u, v, w]) => mutual(tables['0 1'], u, v) && mutual(tables['0 2'], u, w) && mutual(tables['1 2'], v, w),
    );
  };
  it('are found by brute force too', () => {
    for (const k of [1, 2]) {
      const sorted = mutualSets(zooOf(tables, k), k).map(({ units }) => units);
      expect(sorted).toEqual(expect.arrayContaining(bruteForce(k)));
      expect(sorted).toHaveLength(bruteForce(k).length);
    }
  });
  it('with an anchor follow its first choices, if these have it among their k first', () => {
    const sets = (anchor: number, k: number) => anchoredSets(zooOf(tables, 1), anchor, k).map(({ units }) => units);
    expect(sets(0, 1)).toEqual([[0, 0, 0]]);
    expect(sets(0, 2)).toEqual([
      [0, 0, 0],
      [1, 0, 1],
      [2, 2, 1],
    ]);
    expect(sets(2, 1)).toEqual([
      [0, 0, 0],
      [1, 2, 1],
    ]);
  });
  it('of an anchor that is not correlated with every model have units of the others only', () => {
    const { '0 1': first, '0 2': second } = tables;
    const zoo = zooOf({ '0 1': first, '0 2': second }, 1);
    const sets = (anchor: number, k: number) => anchoredSets(zoo, anchor, k);
    expect(sets(1, 1).map(({ units }) => units)).toEqual([
      [0, 0, undefined],
      [2, 2, undefined],
    ]);
    expect(sets(1, 2).map(({ units }) => units)).toContainEqual([1, 1, undefined]);
    expect(sets(2, 1).map(({ units }) => units)).toEqual([
      [0, undefined, 0],
      [1, undefined, 1],
    ]);
    expect(sets(2, 1).map(({ pairs }) => pairs.map(({ r }) => Math.fround(r)))).toEqual([
      [Math.fround(0.8)],
      [Math.fround(0.6)],
    ]);
    expect(sets(0, 1).map(({ units }) => units)).toEqual([[0, 0, 0]]);
    expect(anchoredSets(zooOf({ '0 1': first }, 1), 2, 5)).toEqual([]);
  });
});

describe('concepts', () => {
  it('are the planted groups, medoid first', async () => {
    const groups = [[0, 3, 5, 8], [1, 2], [4], [6, 7, 9]];
    const n = 10;
    const similarity = new Float32Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const together = groups.some((group) => group.includes(i) && group.includes(j));
        similarity[i * n + j] = i === j ? 1 : together ? 0.7 + (i === 5 || j === 5 ? 0.1 : 0) : 0.1;
      }
    }
    const found = await clusterBySimilarity(similarity, n, 0.5);
    expect(found.map((items) => [...items].sort((a, b) => a - b))).toEqual([[0, 3, 5, 8], [6, 7, 9], [1, 2], [4]]);
    expect(found[0][0]).toBe(5);
  });
  it('merge by the mean, not by one strong link', async () => {
    // 0-1 and 2-3 are pairs; 1-2 alone link them.
    const similarity = Float32Array.of(1, 0.9, 0, 0, 0.9, 1, 0.8, 0, 0, 0.8, 1, 0.9, 0, 0, 0.9, 1);
    expect(await clusterBySimilarity(similarity, 4, 0.5)).toHaveLength(2);
    expect(await clusterBySimilarity(similarity, 4, 0.2)).toHaveLength(1);
  });
});
