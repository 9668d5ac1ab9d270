// The parts of the page that need no browser: search, routes, counts by layer, and the enlarging of maps.
// What is on the screen is browser.test.ts.

import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parseUnit } from '../../src/mining/run/units.ts';
import { pack } from '../../src/report/pack.ts';
import { pairColumns, Report } from '../../src/report/page/data.ts';
import { formatCount, formatQ, formatR } from '../../src/report/page/dom.ts';
import { colour, enlarge } from '../../src/report/page/heatmap.ts';
import { countByLayers } from '../../src/report/page/matrix.ts';
import { hashOf, parseRoute } from '../../src/report/page/route.ts';
import { findConcepts, findPairs } from '../../src/report/page/search.ts';
import { summary } from '../../src/cli/summary.ts';
import { silentUnits } from '../../src/report/page/standing.ts';
import { fixture, withTwoAnchors } from './fixture.ts';
import { significance as ofMining } from '../../src/mining/defaults.ts';
import { significance } from '../../src/report/page/standing.ts';

const { dictionary } = fixture({ concepts: 300, pairs: 800, exemplars: false });
const parts = pack({ dictionary });
const report = new Report(parts.packed);
const columns = [...parts.pairs].map((bytes, i) => pairColumns(new Uint8Array(bytes), parts.packed.pairs[i].rows));

const setOf = new Map(dictionary.sets.map((set) => [set.id, set]));
const unitsOf = (concept: { sets: readonly string[] }) => concept.sets.flatMap((id) => setOf.get(id)!.units);
const ids = (found: readonly number[]) => found.map((index) => dictionary.concepts[index].id);

describe('quality', () => {
  it('is told from the card in lines, that of fresh weights beside it where it is known', () => {
    const quality = [
      { measure: 'top-1, %', value: 88.42, untrained: 10 },
      { measure: 'parameters, M', value: 0.9 },
    ];
    const [first, ...rest] = dictionary.models;
    const told = { ...dictionary, models: [{ ...first, card: { ...first.card, quality } }, ...rest] };
    const [{ quality: lines }, { quality: none }] = pack({ dictionary: told }).packed.models;
    expect(lines).toEqual(['top-1, %: 88.42 (untrained 10)', 'parameters, M: 0.9']);
    expect(none).toEqual([]);
  });
});

describe('concepts', () => {
  it('are found by model and layer, layer and index, id, and several words', () => {
    const expectFound = (text: string, test: (units: string[], id: string) => boolean) => {
      const expected = dictionary.concepts.filter((concept) => test(unitsOf(concept), concept.id)).map(({ id }) => id);
      expect(ids(findConcepts(report, { text })).sort()).toEqual(expected.sort());
      return expected.length;
    };
    expect(
      expectFound('resnet20/layer2', (units) => units.some((unit) => unit.startsWith('resnet20/layer2/'))),
    ).toBeGreaterThan(20);
    const one = parseUnit(dictionary.sets[7].units[2]);
    const word = `${one.layer}/${one.index}`;
    expect(expectFound(word, (units) => units.some((unit) => unit.endsWith(`/${word}`)))).toBeGreaterThan(0);
    expect(expectFound(dictionary.concepts[5].id.toUpperCase(), (_, id) => id === dictionary.concepts[5].id)).toBe(1);
    expectFound('LAYER4 mid', (units) => ['layer4', 'mid'].every((part) => units.some((unit) => unit.includes(part))));
    expect(expectFound('no-such-model', () => false)).toBe(0);
  });

  it('are filtered by layer and by the limits on their medoid set, missing numbers failing', () => {
    const medoid = (concept: { sets: readonly string[] }) => setOf.get(concept.sets[0])!;
    const expected = dictionary.concepts.filter(
      (concept) =>
        medoid(concept).r >= 0.6 &&
        medoid(concept).rHeldOut !== null &&
        medoid(concept).rHeldOut! >= 0.58 &&
        medoid(concept).q! <= 1e-3 &&
        unitsOf(concept).some((unit) => unit.startsWith('vgg11_bn/features.20/')),
    );
    const found = findConcepts(report, {
      model: 'vgg11_bn',
      layer: 'features.20',
      r: '0.6',
      heldOut: '0.58',
      q: '0.001',
    });
    expect(ids(found).sort()).toEqual(expected.map(({ id }) => id).sort());
    expect(found.length).toBeGreaterThan(5);
    expect(findConcepts(report, { model: 'gone' })).toEqual([]);
  });

  it('have units of the models of all their sets, whichever these have', () => {
    const anchors = ['resnet20', 'ddpm-unet'] as const;
    const two = withTwoAnchors({ dictionary }, anchors).dictionary;
    const { packed } = pack({ dictionary: two });
    const other = new Report(packed);
    const names = (index: number) => other.modelsOf(packed.concepts[index]).map((model) => packed.models[model].name);
    const alone = two.concepts.findIndex(({ sets }) => sets.length === 1 && Number(sets[0].slice(1)) % 2 === 0);
    expect(names(alone)).toEqual(['resnet20', 'vgg11_bn', 'resnet50-dino']);
    two.concepts.forEach(({ sets }, i) => expect(names(i).length).toBe(sets.length === 1 ? 3 : 4));
    const chosen = findConcepts(other, { model: 'ddpm-unet' });
    expect(chosen.every((index) => names(index).includes('ddpm-unet'))).toBe(true);
    expect(chosen.length).toBeGreaterThan(0);
    expect(chosen.length).toBeLessThan(two.concepts.length);
  });

  it('are sorted by what is asked, the best first and the missing last', () => {
    const sorted = (sort: string) => findConcepts(report, { sort }).map((index) => dictionary.concepts[index]);
    const values = (sort: string, key: 'r' | 'excess' | 'rHeldOut' | 'q') =>
      sorted(sort).map((concept) => setOf.get(concept.sets[0])![key]);
    const descending = (list: (number | null)[]) => [...list].sort((a, b) => (b ?? -9) - (a ?? -9));
    for (const [sort, key] of [
      ['r', 'r'],
      ['excess', 'excess'],
      ['heldOut', 'rHeldOut'],
    ] as const) {
      expect(values(sort, key)).toEqual(descending(values(sort, key)));
    }
    expect(values('heldOut', 'rHeldOut').at(-1)).toBeNull();
    expect(values('q', 'q')).toEqual([...values('q', 'q')].sort((a, b) => a! - b!));
    const sizes = sorted('size').map(({ sets }) => sets.length);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
  });
});

describe('pairs', () => {
  const list = dictionary.pairs[1];
  const found = (params: Record<string, string>) =>
    [...findPairs(report, 1, columns[1], params)].map((row) => list.pairs[row]);

  it('are filtered by layers, kind, limits and words', () => {
    const expected = list.pairs.filter(
      (pair) =>
        pair.a.startsWith('resnet20/layer3/') &&
        pair.b.startsWith('resnet50-dino/layer4/') &&
        pair.q! < 0.01 &&
        pair.replications === 2 &&
        pair.r >= 0.4 &&
        pair.r - pair.rNull! >= 0.35,
    );
    const got = found({ layerA: 'layer3', layerB: 'layer4', only: 'replicated', r: '0.4', excess: '0.35' });
    expect(new Set(got)).toEqual(new Set(expected));
    expect(got.length).toBeGreaterThan(20);
    const word = found({ text: 'layer3/5' });
    expect(new Set(word)).toEqual(
      new Set(list.pairs.filter(({ a, b }) => /\/layer3\/5$/.test(a) || /\/layer3\/5$/.test(b))),
    );
    expect(word.length).toBeGreaterThan(0);
  });

  it('are sorted in both directions, missing values last in both', () => {
    const up = found({ sort: 'heldOut', direction: 'up' }).map(({ rHeldOut }) => rHeldOut);
    const down = found({ sort: 'heldOut' }).map(({ rHeldOut }) => rHeldOut);
    const missing = up.filter((value) => value === null).length;
    expect(missing).toBeGreaterThan(0);
    for (const values of [up, down]) expect(values.slice(-missing).every((value) => value === null)).toBe(true);
    expect(up.slice(0, -missing)).toEqual(down.slice(0, -missing).reverse());
    expect(up[0]).toBe(Math.min(...(up.slice(0, -missing) as number[])));
  });

  it('are counted by layers', () => {
    const [a, b] = list.models.map((name) => dictionary.models.find((model) => model.name === name)!);
    for (const only of ['', 'significant', 'replicated']) {
      const kept = list.pairs.filter(
        ({ q, replications }) => only === '' || (q! < 0.01 && (only === 'significant' || replications === 2)),
      );
      const expected = a.layers.flatMap((row) =>
        b.layers.map(
          (column) =>
            kept.filter((pair) => parseUnit(pair.a).layer === row.layer && parseUnit(pair.b).layer === column.layer)
              .length,
        ),
      );
      expect([...countByLayers(report, 1, columns[1], only)]).toEqual(expected);
    }
  });
});

describe('units', () => {
  it('have numbers and names that lead to each other', () => {
    for (const unit of [0, 15, 16, 111, 112, 4000, report.units.count - 1]) {
      const { model, layer, index } = parseUnit(report.units.name(unit));
      expect(report.units.find(model, layer, index)).toBe(unit);
    }
    expect(report.units.find('resnet20', 'layer1', 16)).toBeNull();
    expect(report.units.find('resnet20', 'layer7', 0)).toBeNull();
  });
});

describe('routes', () => {
  it('come back as they went out, whatever the names', () => {
    const path = ['a b', 'blocks/7.mlp?x=1&y#z', '17'];
    const params = { text: 'layer3.1/17 é', r: '0.5' };
    expect(parseRoute(hashOf('unit', path, { ...params, sort: '' }))).toEqual({ view: 'unit', path, params });
    expect(parseRoute('')).toEqual({ view: 'concepts', path: [], params: {} });
    expect(parseRoute('#unit/50%/x')).toEqual({ view: 'unit', path: ['50%', 'x'], params: {} });
  });
});

describe('numbers', () => {
  it('are short, with a real minus, and say when they are missing', () => {
    expect([formatR(0.81234), formatR(-0.02), formatR(null), formatR(NaN)]).toEqual(['0.812', '−0.020', '–', '–']);
    expect([formatQ(0), formatQ(0.0123), formatQ(3.2e-7), formatQ(null)]).toEqual(['0.000', '0.012', '3e−7', '–']);
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
  });
});

describe('enlarging a map', () => {
  it('is exact on a quadratic, away from the edges', () => {
    // Catmull-Rom interpolation reproduces polynomials of degree 2 (Keys 1981).
    const f = (x: number, y: number) => 20 + 12 * x + 5 * y + 1.5 * x * x - 0.5 * y * y + 0.5 * x * y;
    const [height, width, scale] = [9, 8, 12];
    const map = Uint8Array.from({ length: height * width }, (_, i) => f(i % width, Math.floor(i / width)));
    const exact = Float64Array.from({ length: height * width }, (_, i) => f(i % width, Math.floor(i / width)));
    const rounding = Math.max(...exact.map((value, i) => Math.abs(value - map[i])));
    const large = enlarge(map, height, width, height * scale, width * scale);
    let worst = 0;
    for (let y = 2 * scale; y < (height - 2) * scale; y++) {
      for (let x = 2 * scale; x < (width - 2) * scale; x++) {
        const expected = f((x + 0.5) / scale - 0.5, (y + 0.5) / scale - 0.5);
        worst = Math.max(worst, Math.abs(large[y * width * scale + x] - expected));
      }
    }
    // The map's own rounding to bytes, widened by the negative weights (1.25 a direction), and that of the result.
    expect(worst).toBeLessThan(rounding * 1.25 ** 2 + 0.51);
  });

  it('agrees with the bicubic (Catmull-Rom) interpolation of libvips', async () => {
    const side = 8;
    const to = 96;
    const map = Uint8Array.from({ length: side * side }, (_, i) => 128 + 100 * Math.sin(i * 1.7) * Math.cos(i * 0.31));
    const scale = to / side;
    // libvips puts pixel centres on whole numbers: an offset of half a pixel of each grid makes them ours.
    const shift = 0.5 / scale - 0.5;
    const { data, info } = await sharp(map, { raw: { width: side, height: side, channels: 1 } })
      .affine(
        [
          [scale, 0],
          [0, scale],
        ],
        { interpolator: 'bicubic', idx: -shift, idy: -shift, background: '#000' },
      )
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const large = enlarge(map, side, side, to, to);
    let worst = 0;
    // Away from the edges, which the two continue differently.
    for (let y = 30; y < 66; y++) {
      for (let x = 30; x < 66; x++) {
        const other = data[(y * info.width + x) * info.channels];
        worst = Math.max(worst, Math.abs(other - large[y * to + x]));
      }
    }
    // libvips looks its weights up in a table of fixed-point numbers.
    expect(worst).toBeLessThanOrEqual(2);
  });

  it('keeps a constant, and colours by value', () => {
    const flat = enlarge(new Uint8Array(6).fill(77), 2, 3, 40, 60);
    expect(new Set(flat)).toEqual(new Set([77]));
    const colours = Uint8Array.from({ length: 768 }, (_, i) => i % 251);
    const pixels = new Uint8ClampedArray(8);
    colour(Uint8ClampedArray.of(0, 77), colours, false, pixels);
    expect([...pixels]).toEqual([0, 1, 2, 0, 231, 232, 233, 77]);
    colour(Uint8ClampedArray.of(77, 0), colours, true, pixels);
    expect([...pixels]).toEqual([231, 232, 233, 255, 0, 1, 2, 255]);
  });
});

it('calls significant what mining does', () => {
  expect(significance).toBe(ofMining);
});

describe('numbers that are told in several places', () => {
  it('concepts with q < 0.01 stand first, then by r; and all by r when that is asked', () => {
    const medoid = (index: number) => setOf.get(dictionary.concepts[index].sets[0])!;
    const order = findConcepts(report, {}).map(medoid);
    const misses = order.map(({ q }) => q! >= 0.01);
    expect(new Set(misses).size).toBe(2);
    expect(misses.indexOf(true)).toBe(misses.lastIndexOf(false) + 1);
    for (const missing of [true, false]) {
      const rs = order.filter((_, i) => misses[i] === missing).map(({ r }) => r);
      expect(rs).toEqual([...rs].sort((a, b) => b - a));
    }
  });

  it('dead and constant units are those of the models, not of their twins, for page and summary', () => {
    const { dictionary: withTwins } = fixture({ concepts: 2, models: 2, pairs: 3, exemplars: false, twins: true });
    const zoo = withTwins.models.filter(({ role }) => role === 'zoo').flatMap(({ layers }) => layers);
    const expected = zoo.reduce((sum, layer) => sum + layer.dead + layer.constant, 0);
    expect(expected).toBeGreaterThan(0);
    expect(silentUnits(withTwins.models)).toBe(expected);
    expect(silentUnits(pack({ dictionary: withTwins }).packed.models)).toBe(expected);
    expect(summary(withTwins)[0]).toContain(`; ${expected} units dead or constant`);
  });
});
