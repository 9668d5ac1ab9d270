// Concepts: clusters as the library makes them, similarities as their definition says, and what the memory decides.

import { agnes } from 'ml-hclust';
import { describe, expect, it } from 'vitest';
import { memoryFolder } from '../../src/files/folder.ts';
import { mapsOf } from '../../src/mining/correlation/pass-graph.ts';
import { clusterBySimilarity } from '../../src/mining/matching/concepts.ts';
import { findConcepts, type FindConceptsOptions } from '../../src/mining/matching/find-concepts.ts';
import { averageLinkage } from '../../src/mining/matching/linkage.ts';
import { Similarities, type Members } from '../../src/mining/matching/similarities.ts';
import { mine } from '../../src/mining/mine.ts';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';
import { randomAt } from '../../src/random.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { linearModel, noiseImages, normal } from './fixtures.ts';
import { expectSame } from './same.ts';

const engine = nodeEngine();

describe('average linkage', () => {
  /** Of items i > j, one row after another. */
  const triangle = (distances: readonly (readonly number[])[]) =>
    Float64Array.from(distances.flatMap((row, i) => row.slice(0, i)));
  const sorted = (clusters: readonly (readonly number[])[]) =>
    clusters.map((items) => [...items].sort((a, b) => a - b)).sort((a, b) => a[0] - b[0]);

  // Of similarities with few levels most are ties; 0 levels are as many as there are numbers.
  it.each([0, 1, 2, 4, 8, 64])('makes the clusters of the library, similarities of %i levels', async (levels) => {
    const sizes = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const n = seed + 1;
      const distances = Array.from({ length: n }, () => new Array<number>(n).fill(0));
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) {
          const value = randomAt(seed, i * n + j);
          const similarity = levels ? Math.round(levels * value) / levels : Math.fround(value);
          distances[i][j] = distances[j][i] = 1 - similarity;
        }
      }
      const tree = agnes(distances, { method: 'average', isDistanceMatrix: true });
      for (const limit of [0.3, 0.4, 0.5, 0.55, 0.75]) {
        const found = await averageLinkage(triangle(distances), n, limit, () => undefined);
        // Whether a mean of 0.5 is at most 0.5 is a matter of rounding in the library.
        const expected = tree.cut(limit + 1e-12).map((cluster) => cluster.indices());
        expect(sorted(found)).toEqual(sorted(expected));
        sizes.add(found.length);
      }
    }
    expect(sizes.size).toBeGreaterThan(10);
  });

  it('merges what is as near as the limit, whatever the order of the sums rounds to', async () => {
    for (let n = 2; n < 40; n++) {
      const distances = Array.from({ length: n }, () => new Array<number>(n).fill(0.7));
      expect(await averageLinkage(triangle(distances), n, 0.7, () => undefined)).toHaveLength(1);
    }
  });

  it('tells of items as they are dealt with, up to all', async () => {
    const n = 30;
    const similarity = Float32Array.from({ length: n * n }, (_, i) =>
      (i % n) % 3 === Math.floor(i / n) % 3 ? 0.8 : 0,
    );
    const seen: number[] = [];
    await clusterBySimilarity(similarity, n, 0.5, (done) => void seen.push(done));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect([seen[0], seen.at(-1), new Set(seen).size]).toEqual([0, n, n + 1]);
  });
});

describe('similarities of sets', () => {
  it('are means of r over the pairs of their units that have one, by float64', async () => {
    const units = [7, 5, 6];
    const n = 60;
    const pick = (s: number, m: number) => Math.floor(randomAt(3, 10 * s + m) * (units[m] + 1));
    const members: Members[] = Array.from({ length: n }, (_, s) =>
      // Every set has a unit of model 0; model 1 and model 2 have no table.
      units.map((count, m) => (pick(s, m) < count ? pick(s, m) : m ? undefined : 0)),
    );
    members.push(members[4]);
    const tables = [
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 1],
      [2, 2],
    ].map(([a, b], t) => {
      const r = normal(t, units[a] * units[b]);
      if (a === b)
        for (let i = 0; i < r.length; i++) r[i] = r[Math.min(i, (i % units[a]) * units[a] + Math.floor(i / units[a]))];
      return { a, b, r };
    });
    const similarities = new Similarities(members, units.length);
    for (const { a, b, r } of tables) await similarities.add(a, b, r, units[b]);

    const rOf = (i: number, u: number, j: number, v: number): number | undefined => {
      const [a, b, row, column] = i <= j ? [i, j, u, v] : [j, i, v, u];
      return tables.find((table) => table.a === a && table.b === b)?.r[row * units[b] + column];
    };
    const unitsOf = (set: Members) => set.flatMap((unit, m) => (unit === undefined ? [] : [{ m, unit }]));
    members.forEach((set, s) => {
      const own = unitsOf(set);
      const expected = own.flatMap((x, i) => own.slice(i + 1).map((y) => rOf(x.m, x.unit, y.m, y.unit)));
      expect(similarities.within(s)).toEqual(expected.map((r) => (r === undefined ? null : Number(r.toFixed(6)))));
    });
    const matrix = similarities.matrix();
    members.forEach((x, s) =>
      members.forEach((y, t) => {
        const known = unitsOf(x).flatMap((p) => unitsOf(y).flatMap((q) => rOf(p.m, p.unit, q.m, q.unit) ?? []));
        const mean = known.reduce((sum, r) => sum + r, 0) / known.length;
        expect(matrix[s * members.length + t]).toBeCloseTo(x.join() === y.join() ? 1 : mean, 6);
      }),
    );
    expect(matrix[4 * members.length + n]).toBe(1);
  });
});

describe('concepts', () => {
  it('and r between the units of sets are the same where the score tables need several looks', async () => {
    const models = [1, 2, 3].map((seed) =>
      linearModel('abc'[seed - 1], [{ layer: 'x', channels: 12, height: 2, width: 2 }], seed),
    );
    const found = async (memory: number) => {
      let read = 0;
      const images = noiseImages(40);
      const counted = {
        ...images,
        async *batches(...args: Parameters<typeof images.batches>) {
          for await (const batch of images.batches(...args)) {
            read += batch.indices.length;
            yield batch;
          }
        },
      };
      const created = new Date(0);
      const dictionary = await mine({ engine, models, images: counted, anchors: ['a', 'b'], memory, created });
      return { dictionary, read };
    };
    const [few, many] = [await found(2 ** 26), await found(4000)];
    expect(many.read).toBeGreaterThan(few.read);
    const { sets, concepts } = few.dictionary;
    expect(concepts.length).toBeLessThan(sets.length);
    expect(sets.every(({ pairwise }) => pairwise.length > 0)).toBe(true);
    expectSame(many.dictionary, few.dictionary);
  });

  const count = 1600;
  const layers = [{ layer: 'x', channels: count, height: 1, width: 1 }];
  const models = [linearModel('a', layers, 1), linearModel('b', layers, 2)];
  const images = noiseImages(16);
  const sets = Array.from({ length: count }, (_, i): Dictionary['sets'][number] => ({
    id: `s${i}`,
    anchor: null,
    units: [`a/x/${i}`, `b/x/${i}`],
    r: 1 - i / count,
    excess: null,
    rHeldOut: null,
    q: null,
    pairwise: [],
  }));
  const options = (memory: number, more: Partial<FindConceptsOptions> = {}): FindConceptsOptions => ({
    engine,
    parts: [{ source: images, offset: 0, halves: [images.names.map((_, i) => i)], models: [0, 1] }],
    models,
    maps: mapsOf(models),
    memory,
    threshold: 0.5,
    perSet: 1,
    folder: memoryFolder(),
    ...more,
  });

  it('are made of fewer sets where the memory holds no more, and that is told', async () => {
    const look = async (memory: number) => {
      const notes: string[] = [];
      const onNote = (note: string) => void notes.push(note);
      const found = await findConcepts({ sets }, options(memory, { onNote }));
      return { ...found, notes };
    };
    const large = await look(2 ** 30);
    expect(large.notes).toEqual([]);
    expect(large.concepts.flatMap((concept) => concept.sets)).toHaveLength(count);
    const small = await look(2 ** 24);
    // 8 bytes for each two sets in 16 MiB.
    const fit = Math.floor(Math.sqrt(2 ** 24 / 8));
    expect(small.notes).toEqual([
      `concepts are made of the best ${fit} of 1600 Rosetta sets: more do not fit the memory; raise --memory`,
    ]);
    expect(small.concepts.flatMap((concept) => concept.sets).sort()).toEqual(
      sets
        .slice(0, fit)
        .map(({ id }) => id)
        .sort(),
    );
    expect(small.sets.map(({ id }) => id)).toEqual(sets.map(({ id }) => id));
    expect(small.sets.map(({ pairwise }) => pairwise.length)).toEqual(sets.map((_, i) => (i < fit ? 1 : 0)));
    small.sets
      .slice(0, fit)
      .forEach(({ pairwise }, i) => expect(pairwise[0]).toBeCloseTo(large.sets[i].pairwise[0]!, 5));
  });

  it('are found beside a model of which no set has a unit', async () => {
    const third = [...models, linearModel('c', [{ layer: 'x', channels: 3, height: 1, width: 1 }], 3)];
    const shown = memoryFolder();
    const found = await findConcepts(
      { sets: sets.slice(0, 5) },
      options(2 ** 28, {
        models: third,
        maps: mapsOf(third),
        parts: [{ source: images, offset: 0, halves: [images.names.map((_, i) => i)], models: [0, 1, 2] }],
        encode: () => Promise.resolve({ bytes: Uint8Array.of(1), width: 5, height: 6 }),
        folder: shown,
      }),
    );
    expect(found.concepts.flatMap((concept) => concept.sets).sort()).toEqual(['s0', 's1', 's2', 's3', 's4']);
    expect(shown.files.has('exemplars/exemplars.json')).toBe(true);
  });

  it('stop for the signal while sets are clustered', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const seen: number[] = [];
    const work = findConcepts(
      { sets },
      options(2 ** 30, {
        signal: controller.signal,
        onProgress({ stage, done, total, unit }) {
          if (stage !== 'clustering') return;
          expect([total, unit]).toEqual([count, 'sets']);
          seen.push(done);
          if (done >= 10) controller.abort(reason);
        },
      }),
    );
    await expect(work).rejects.toBe(reason);
    expect(seen).toEqual(Array.from({ length: 11 }, (_, i) => i));
  });
});
