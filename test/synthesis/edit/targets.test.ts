// Targets of edits: which units are in which group with which weight and map, and the terms' own numbers of them.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, type Float32Tensor } from '../../../src/graph/tensor.ts';
import type { Dictionary, PairList } from '../../../src/mining/run/dictionary.ts';
import { normalAt } from '../../../src/random.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { agreementTerm, levelTerm } from '../../../src/synthesis/terms/agreement.ts';
import { parseEditScript, type Edit, type UnitSelection } from '../../../src/synthesis/edit/script.ts';
import { editTargets, type EditInput, type EditLayer } from '../../../src/synthesis/edit/targets.ts';
import { unitResolver } from '../../../src/synthesis/edit/units.ts';
import type { Scene } from '../../../src/synthesis/terms/terms.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

/** Raw maps whose deviations from the mean of unit k, k / 2, are normal. */
function layer(name: string, units: readonly number[], size: number, seed: number): EditLayer {
  const plane = size * size;
  const means = Float32Array.from(units, (unit) => unit / 2);
  const data = Float32Array.from(
    { length: units.length * plane },
    (_, i) => normalAt(seed, i) + means[Math.floor(i / plane)],
  );
  const stds = Float32Array.from(units, () => 1);
  return { layer: name, units, means, stds, maps: float32([1, units.length, size, size], data) };
}
const layers = [layer('low', [1, 4, 6], 4, 1), layer('high/x', [0, 3], 8, 2)];
const all = ['low/1', 'low/4', 'low/6', 'high/x/0', 'high/x/3'];
const resolve = (selection: UnitSelection) => new Set(selection === 'all' ? all : selection.units!);
const none = (): never => {
  throw new Error('no other image is asked for');
};
const targets = (edits: readonly Edit[], more: Partial<EditInput> & { hold?: number } = {}) =>
  editTargets({
    script: parseEditScript({ version: 1, edits, ...(more.hold !== undefined && { hold: more.hold }) }),
    layers,
    resolve,
    other: none,
    ...more,
  });
/** Standard deviations of a unit as they are. */
const now = ({ maps, means }: EditLayer, k: number): number[] => {
  const plane = maps.shape[2] * maps.shape[3];
  return Array.from(maps.data.subarray(k * plane, (k + 1) * plane), (value) => Math.fround(value - means[k]));
};
const mapOf = ({ data, shape }: Float32Tensor, k: number): number[] => {
  const plane = shape[2] * shape[3];
  return Array.from(data.subarray(k * plane, (k + 1) * plane));
};
const square = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);

describe('targets', () => {
  it('of a shift of some units hold the others where they are', () => {
    const { agreement, level, energies, edited, before } = targets([
      { type: 'shift', dx: 0.25, dy: 0, units: { units: ['low/4', 'high/x/0'] } },
    ]);
    expect(agreement.map((group) => [group.layer, group.units, [...group.weights], group.targetNames])).toEqual([
      ['low', [1, 4, 6], [0.25, 1, 0.25], ['low/1', 'low/4', 'low/6']],
      ['high/x', [0, 3], [1, 0.25], ['high/x/0', 'high/x/3']],
    ]);
    expect(edited).toEqual(['low/4', 'high/x/0']);
    expect([level, energies]).toEqual([[], []]);
    const [{ target, mask, means }] = agreement;
    expect([...means]).toEqual([0.5, 2, 3]);
    expect(mapOf(target, 0)).toEqual(now(layers[0], 0));
    expect(mapOf(target, 1)).toEqual(now(layers[0], 1).map((_, p, map) => (p % 4 ? map[p - 1] : 0)));
    expect([0, 1, 2].map((k) => square(mapOf(mask!, k)))).toEqual([16, 12, 16]);
    expect(before).toHaveLength(5);
    // Units that are held are where they are to be.
    expect([before[0], before[2], before[4]]).toEqual([1, 1, 1].map((x) => expect.closeTo(x, 12) as number));
    const map = now(layers[0], 1);
    const pairs = map.flatMap((value, p) => (p % 4 ? [[value, map[p - 1]]] : []));
    const r =
      pairs.reduce((sum, [a, b]) => sum + a * b, 0) /
      Math.sqrt(square(pairs.map(([a]) => a)) * square(pairs.map(([, b]) => b)));
    expect(before[1]).toBeCloseTo(r, 10);
  });

  it('of a class alone are the maps as they are, all held', () => {
    const { agreement, edited, before } = targets([{ type: 'class', class: 3 }], { hold: 0.5 });
    expect(edited).toEqual([]);
    expect(agreement.flatMap(({ weights }) => [...weights])).toEqual([0.5, 0.5, 0.5, 0.5, 0.5]);
    expect(agreement.every(({ mask }) => mask === undefined)).toBe(true);
    expect(Math.min(...before)).toBeCloseTo(1, 12);
  });

  it('of strength are in the level as well, with the larger of both energies', () => {
    const { level, energies, agreement, edited } = targets([
      { type: 'strengthen', factor: 3, units: { units: ['low/1', 'low/6'] } },
      { type: 'weaken', units: { units: ['high/x/3'] } },
      { type: 'shift', dx: 0, dy: 0.5, units: { units: ['low/6'] } },
    ]);
    expect(edited).toEqual(['low/1', 'low/6', 'high/x/3']);
    expect(agreement.flatMap(({ units }) => units)).toEqual([1, 4, 6, 0, 3]);
    expect(level.map((group) => [group.layer, group.units, [...group.weights]])).toEqual([
      ['low', [1, 6], [1, 1]],
      ['high/x', [3], [1]],
    ]);
    const strong = now(layers[0], 0).map((x) => Math.fround(x > 0 ? 3 * x : x));
    const weak = now(layers[1], 1).map((x) => Math.fround(x > 0 ? x / 2 : x));
    expect(mapOf(level[0].target, 0)).toEqual(strong);
    expect(mapOf(level[1].target, 0)).toEqual(weak);
    expect(energies[0][0]).toBeCloseTo(square(strong), 3);
    expect(energies[1][0]).toBeCloseTo(square(now(layers[1], 1)), 3);
    // Of the shifted one, only the lower half counts.
    const lower = now(layers[0], 2).slice(8);
    const upper = now(layers[0], 2)
      .slice(0, 8)
      .map((x) => (x > 0 ? 3 * x : x));
    expect(energies[0][1]).toBeCloseTo(Math.max(square(lower), square(upper)), 3);
  });

  it('that are zero everywhere agree with nothing, and stay in the level', () => {
    // Unit 1 of `low` lies above its mean everywhere: erased, nothing is left.
    const raised = {
      ...layers[0],
      maps: float32(
        [1, 3, 4, 4],
        layers[0].maps.data.map((x, i) => (i < 16 ? x + 9 : x)),
      ),
    };
    const { agreement, level, energies, before } = targets([{ type: 'erase', units: { units: ['low/1', 'low/4'] } }], {
      layers: [raised, layers[1]],
    });
    expect(agreement.map(({ units }) => units)).toEqual([
      [4, 6],
      [0, 3],
    ]);
    expect(before).toHaveLength(4);
    expect(level.map(({ units }) => units)).toEqual([[1, 4]]);
    expect(square(mapOf(level[0].target, 0))).toBe(0);
    expect(energies[0][0]).toBeCloseTo(square(now(raised, 0)), 2);
    expect(mapOf(level[0].target, 1)).toEqual(now(layers[0], 1).map((x) => Math.min(x, 0)));
  });

  it('of edits in order: the second meets what the first left', () => {
    const [left, right] = [
      [0, 0, 0.5, 1],
      [0.5, 0, 1, 1],
    ] as const;
    const moves = targets([
      { type: 'copy-paste', from: left, to: right },
      { type: 'erase', box: left },
    ]);
    const map = now(layers[1], 1);
    const expected = map.map((x, p) => (p % 8 < 4 ? Math.min(x, 0) : map[p - 4]));
    expect(mapOf(moves.agreement[1].target, 1)).toEqual(expected);
    const other = targets([
      { type: 'erase', box: left },
      { type: 'copy-paste', from: left, to: right },
    ]);
    expect(mapOf(other.agreement[1].target, 1)).toEqual(map.map((_, p) => Math.min(map[p % 8 < 4 ? p : p - 4], 0)));
  });

  it('of a paste from another image are its maps, asked for once', () => {
    const asked: string[] = [];
    const others = [layer('low', [1, 4, 6], 4, 8), layer('high/x', [0, 3], 8, 9)];
    const other = (source: string) => {
      asked.push(source);
      return others.map(({ maps }) => maps);
    };
    const from = [0, 0, 0.5, 0.5] as const;
    const { agreement, edited } = targets(
      [
        { type: 'copy-paste', from, to: [0.5, 0.5, 1, 1], source: 'seed:3', units: { units: ['low/4', 'low/6'] } },
        { type: 'copy-paste', from, to: from, source: 'seed:3' },
      ],
      { other },
    );
    expect(asked).toEqual(['seed:3']);
    expect(edited).toEqual(all);
    const [mine, theirs] = [now(layers[0], 2), now(others[0], 2)];
    const expected = mine.map((value, p) => {
      const [y, x] = [Math.floor(p / 4), p % 4];
      if (y < 2 && x < 2) return theirs[p];
      return y >= 2 && x >= 2 ? theirs[p - 10] : value;
    });
    expect(mapOf(agreement[0].target, 2)).toEqual(expected);
    expect(() =>
      targets([{ type: 'copy-paste', from, to: from, source: 'a' }], { other: () => [others[1].maps] }),
    ).toThrow(/maps of low are \[1, 3, height, width\]/);
  });

  it('of a box that misses a coarse grid move the finer ones only', () => {
    const box = [0, 0, 0.1, 0.1] as const;
    const { edited, agreement } = targets([{ type: 'strengthen', box }]);
    expect(edited).toEqual(['high/x/0', 'high/x/3']);
    expect([...agreement[0].weights]).toEqual([0.25, 0.25, 0.25]);
    const small: Edit = { type: 'erase', box: [0, 0, 0.05, 1] };
    expect(() => targets([{ type: 'erase' }, small])).toThrow(UserError);
    expect(() => targets([{ type: 'erase' }, small])).toThrow(
      /edits\[1\] \(erase\) moves nothing: the box \[0, 0, 0\.05, 1\] .* 8x8; give a larger box/,
    );
  });

  it('need maps of all units that are chosen by name', () => {
    expect(() => targets([{ type: 'erase', units: { units: ['low/4', 'low/5'] } }])).toThrow(
      /edits\[0\] \(erase\) chooses low\/5, of which no maps are at hand; .* low, high\/x/,
    );
    const { edited } = targets([{ type: 'erase' }], { resolve: () => new Set(['low/4', 'elsewhere/1']) });
    expect(edited).toEqual(['low/4']);
    expect(() => targets([{ type: 'erase' }], { resolve: () => new Set() })).toThrow(/chooses no unit/);
  });
});

describe('the terms over targets', () => {
  /** The layer with all its units; those that nobody asked for are 0. */
  const whole = ({ units, maps: { shape, data } }: EditLayer): Float32Tensor => {
    const plane = shape[2] * shape[3];
    const out = new Float32Array(7 * plane);
    units.forEach((unit, k) => out.set(data.subarray(k * plane, (k + 1) * plane), unit * plane));
    return float32([1, 7, shape[2], shape[3]], out);
  };

  it('give the r and the distance of the maps as they are', async () => {
    const found = targets([
      { type: 'rotate', degrees: 30 },
      { type: 'zoom', factor: 0.8, units: { units: ['low/4', 'high/x/0'] } },
      { type: 'strengthen', units: { units: ['low/4', 'high/x/0'] } },
    ]);
    const b = new GraphBuilder({ name: 'terms' });
    const taps = new Map(layers.map((one) => [one.layer, b.constant(whole(one))]));
    const given = (_: string, tensor: Float32Tensor) => b.constant(tensor);
    const scene = { b, n: 1, generator: { name: 'g' }, built: { taps }, given } as unknown as Scene;
    b.output(b.identity(agreementTerm(found.agreement).addTo(scene).details!.r), 'r');
    const level = levelTerm(found.level, 1, { energies: found.energies }).addTo(scene);
    b.output(b.identity(level.details!.distance), 'distance');
    const tensors = await runOnce(nodeEngine(), b.build(), {});
    const r = Array.from(tensors.r.data as Float32Array);
    const distance = Array.from(tensors.distance.data as Float32Array);
    expect(r).toHaveLength(5);
    r.forEach((value, i) => expect(value).toBeCloseTo(found.before[i], 5));
    const expected = found.level.flatMap(({ target, mask, layer: name, units }, g) =>
      units.map((unit, k) => {
        const own = layers.find((one) => one.layer === name)!;
        const map = now(own, own.units.indexOf(unit));
        const weights = mapOf(mask!, k);
        const sum = mapOf(target, k).reduce((total, t, p) => total + weights[p] * (map[p] - t) ** 2, 0);
        return sum / found.energies[g][k];
      }),
    );
    distance.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
  });
});

describe('units of an edit', () => {
  const model = (name: string, role: 'zoo' | 'twin' = 'zoo') => ({
    name,
    role,
    layers: ['a', 'b/c'].map((one, i) => ({ layer: one, channels: 4 + i, height: 1, width: 1, dead: 0, constant: 0 })),
  });
  const pair = (a: string, b: string, q: number | null) => ({ a, b, q });
  const dictionary = (changes: object = {}): Dictionary =>
    ({
      models: [model('e'), model('g'), model('f'), model('g-untrained', 'twin')],
      pairs: [
        { models: ['e', 'g'], pairs: [pair('e/a/0', 'g/b/c/4', 0.001), pair('e/a/1', 'g/a/1', 0.5)] },
        { models: ['g', 'f'], pairs: [pair('g/a/3', 'f/a/0', 0)] },
        { models: ['e', 'f'], pairs: [pair('e/a/2', 'f/a/2', 0)] },
        { models: ['g', 'g-untrained'], pairs: [pair('g/a/0', 'g-untrained/a/0', 0)] },
      ] as unknown as PairList[],
      sets: [
        { id: 's0', units: ['e/a/0', 'g/b/c/2', 'f/a/0'] },
        { id: 's1', units: ['e/a/1', 'g/a/2'] },
        { id: 's2', units: ['e/a/1', 'f/a/2'] },
        { id: 's3', units: ['e/a/2', 'g/b/c/0'] },
      ],
      concepts: [
        { id: '0a1b', sets: ['s0', 's3', 's2'] },
        { id: 'ffff', sets: ['s2'] },
        { id: 'c0c0', sets: ['s1'] },
      ],
      ...changes,
    }) as unknown as Dictionary;

  it('are those in sets, by layer', () => {
    const { units, resolve: choose } = unitResolver(dictionary(), 'g');
    expect([...units]).toEqual([
      ['a', [2]],
      ['b/c', [0, 2]],
    ]);
    expect(choose('all')).toEqual(new Set(['b/c/2', 'a/2', 'b/c/0']));
    expect(choose({ concepts: ['0a1b'] })).toEqual(new Set(['b/c/2', 'b/c/0']));
    expect(choose({ sets: ['s1'], units: ['g/b/c/4', 'g/a/2'] })).toEqual(new Set(['a/2', 'b/c/4']));
  });

  it('are those in pairs that hold where there are no sets, twins apart', () => {
    const none = { sets: [], concepts: [] };
    expect([...unitResolver(dictionary(none), 'g').units]).toEqual([
      ['a', [3]],
      ['b/c', [4]],
    ]);
    const withoutNull = dictionary({ ...none, pairs: [{ models: ['e', 'g'], pairs: [pair('e/a/0', 'g/a/0', null)] }] });
    expect([...unitResolver(withoutNull, 'g').units]).toEqual([['a', [0]]]);
    expect(() => unitResolver(dictionary({ ...none, pairs: [] }), 'g')).toThrow(/no Rosetta unit of g.*more images/);
  });

  it('with those that a script names are all that is wanted', () => {
    const script = parseEditScript({
      version: 1,
      edits: [
        { type: 'erase', units: { units: ['g/a/0'], concepts: ['c0c0'] } },
        { type: 'class', class: 1 },
      ],
    });
    expect([...unitResolver(dictionary(), 'g').wanted(script)]).toEqual([
      ['a', [0, 2]],
      ['b/c', [0, 2]],
    ]);
  });

  it.each<[string, UnitSelection, RegExp]>([
    ['an unknown concept', { concepts: ['0a1c'] }, /no concept "0a1c"; near to it: 0a1b/],
    ['an unknown set', { sets: ['s9'] }, /no set "s9"; near to it: s0, s1, s3/],
    [
      'a concept of other models',
      { concepts: ['ffff'] },
      /concept "ffff" has no unit of g.*2 concepts have one, e\.g\. 0a1b, c0c0/,
    ],
    ['a set of other models', { sets: ['s2'] }, /set "s2" has no unit of g.*3 sets have one/],
    ['a unit of another model', { units: ['e/a/1'] }, /"e\/a\/1" is one of e; .* the generator, g/],
    ['no unit name', { units: ['a'] }, /"a" is not the full name of a unit: g\/layer\/index/],
    ['a unit without its model', { units: ['a/1'] }, /"a\/1" is not the full name/],
    ['an unknown layer', { units: ['g/b/d/1'] }, /no layer that was mined of g; near to "b\/d": .*b\/c/],
    ['an index out of range', { units: ['g/a/4'] }, /no unit "g\/a\/4": the units of a have the numbers 0 to 3/],
  ])('refuse %s', (_, selection, message) => {
    const { resolve: choose } = unitResolver(dictionary(), 'g');
    expect(() => choose(selection)).toThrow(UserError);
    expect(() => choose(selection)).toThrow(message);
  });

  it('refuse a model that is not there', () => {
    expect(() => unitResolver(dictionary(), 'h')).toThrow(/no model "h"; its models are e, g, f, g-untrained/);
    expect(() => unitResolver(dictionary({ sets: [], concepts: [] }), 'g').resolve({ sets: ['s0'] })).toThrow(
      /no set "s0"; it has no set with a unit of g: name units instead/,
    );
  });
});
