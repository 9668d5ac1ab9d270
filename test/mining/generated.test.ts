// Samples of generators as images: what they are, and that mining over them agrees with float64.

import { describe, expect, it } from 'vitest';
import { readSafetensorsBytes } from '../../src/files/safetensors.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { generatedSource } from '../../src/images/generated.ts';
import { addSamples, type ImageSource } from '../../src/images/source.ts';
import { collectActivations } from '../../src/mining/correlation/activations.ts';
import { clusterBySimilarity } from '../../src/mining/matching/concepts.ts';
import type { Dictionary, Exemplars } from '../../src/mining/run/dictionary.ts';
import { parseUnit } from '../../src/mining/run/units.ts';
import { largerGrid } from '../../src/mining/correlation/grid.ts';
import { mine } from '../../src/mining/mine.ts';
import { cutAfter } from './cut.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import type { Model } from '../../src/zoo/model.ts';
import { linearGenerator, linearModel, noiseImages, pearson64, unitSeries } from './fixtures.ts';
import { expectSame, withoutTime } from './same.ts';

const engine = nodeEngine();
const layer = (name: string, channels = 4, side = 3) => [{ layer: name, channels, height: side, width: side }];
const gan = linearGenerator('gan', layer('g'), 1, { classes: 5, sampling: 'truncated' });
const style = linearGenerator('style', layer('s', 3, 2), 2);
const encoders = [linearModel('a', layer('x', 5), 3), linearModel('b', layer('y', 4, 2), 4)];

async function rowsOf(source: ImageSource, indices: readonly number[], size: number): Promise<number[][]> {
  const length = source.generated!.shape[0];
  const rows: number[][] = [];
  for await (const { indices: some, data } of source.batches(indices, size)) {
    some.forEach((_, i) => rows.push(Array.from(data.subarray(i * length, (i + 1) * length))));
  }
  return rows;
}

describe('samples of a generator', () => {
  it('are pure functions of the seed and the number, whatever the batch and the number of samples', async () => {
    const few = generatedSource(gan, { samples: 10, seed: 7 });
    const many = generatedSource(gan, { samples: 100, seed: 7 });
    expect(await rowsOf(many, [8, 3], 1)).toEqual(
      [(await rowsOf(few, [0, 1, 2, 3], 4))[3], (await rowsOf(few, [8], 3))[0]].reverse(),
    );
    expect(await rowsOf(generatedSource(gan, { samples: 10, seed: 8 }), [3], 1)).not.toEqual(await rowsOf(few, [3], 1));
  });

  it('are truncated by drawing again: within two standard deviations, with the standard deviation of the truncated normal', async () => {
    const source = generatedSource(gan, { samples: 500, truncation: 0.5 });
    const z = (
      await rowsOf(
        source,
        source.names.map((_, i) => i),
        64,
      )
    ).flatMap((row) => row.slice(0, 20));
    expect(Math.max(...z.map(Math.abs))).toBeLessThanOrEqual(1);
    // A clipped distribution would have four in a hundred at the bound, and a larger standard deviation.
    expect(z.filter((value) => Math.abs(value) > 0.999).length).toBeLessThan(0.002 * z.length);
    // Standard deviation of a normal distribution that ends at two: 0.8796 (Johnson, Kotz, "Continuous univariate distributions").
    const std = Math.sqrt(z.reduce((sum, value) => sum + value ** 2, 0) / z.length) / 0.5;
    expect(Math.abs(std - 0.8796)).toBeLessThan(0.02);
  });

  it('are plainly normal where truncation is the network’s', async () => {
    const source = generatedSource(style, { samples: 500, truncation: 0.5 });
    const z = (
      await rowsOf(
        source,
        source.names.map((_, i) => i),
        64,
      )
    ).flat();
    const std = Math.sqrt(z.reduce((sum, value) => sum + value ** 2, 0) / z.length);
    expect(Math.abs(std - 1)).toBeLessThan(0.02);
    expect(Math.max(...z)).toBeGreaterThan(2.5);
  });

  it('have classes from the list, evenly, one-hot, and say so in their names', async () => {
    const source = generatedSource(gan, { samples: 400, classes: [1, 4] });
    const rows = await rowsOf(
      source,
      source.names.map((_, i) => i),
      50,
    );
    const classes = rows.map((row) => row.slice(20).indexOf(1));
    expect(rows.every((row) => row.slice(20).reduce((sum, value) => sum + value, 0) === 1)).toBe(true);
    expect(new Set(classes)).toEqual(new Set([1, 4]));
    expect(Math.abs(classes.filter((c) => c === 4).length - 200)).toBeLessThan(50);
    expect(source.names).toEqual(classes.map((c, i) => `gan/${i}/class-${c}`));
    expect(source.generated.latents([3, 9]).classes).toEqual([classes[3], classes[9]]);
    expect(Array.from(source.generated.latents([9]).z)).toEqual(rows[9].slice(0, 20));
  });

  it.each([
    [{ samples: 4, classes: [5] }, gan, /gan has no class 5: its classes are 0 to 4/],
    [{ samples: 4, classes: [] }, gan, /no class of gan is named/],
    [{ samples: 4, classes: [0] }, style, /style has no classes; leave --classes out/],
    [{ samples: 4, truncation: 1.5 }, gan, /gan has no truncation 1\.5: a number from 0 to 1 is expected/],
    [{ samples: 0 }, gan, /number of samples must be a whole number of at least 1/],
    [{ samples: 4, seed: 0.5 }, gan, /the seed must be a whole number/],
  ])('are refused for %o', (options, generator, message) => {
    expect(() => generatedSource(generator, options)).toThrow(message);
  });
});

const all = (source: ImageSource) => source.names.map((_, i) => i);
const activations = (model: Model, source: ImageSource) =>
  collectActivations({ engine, model, input: { source, samples: all(source) }, batch: 8, memory: 2 ** 30 });

/** r of every two units of two models by float64, over the images of several sources. */
async function reference(a: Model, b: Model, sources: readonly ImageSource[]): Promise<number[]> {
  const maps = await Promise.all(
    sources.map(async (source) => [await activations(a, source), await activations(b, source)]),
  );
  const [x, y] = [a.taps[0], b.taps[0]];
  const target = largerGrid(x, y);
  const series = (tap: typeof x, side: 0 | 1, unit: number) =>
    Float64Array.from(maps.flatMap((pair) => Array.from(unitSeries(pair[side].get(tap.layer)!, unit, target))));
  const r: number[] = [];
  for (let u = 0; u < x.channels; u++) {
    for (let v = 0; v < y.channels; v++) r.push(pearson64(series(x, 0, u), series(y, 1, v)));
  }
  return r;
}

/** r of two units by their names, by float64 over the images that both models see; undefined for two generators. */
type Known = (a: string, b: string) => number | undefined;

async function knownScores(models: readonly Model[], sources: readonly ImageSource[]): Promise<Known> {
  const tables = new Map<string, number[]>();
  for (const a of models) {
    for (const b of models) {
      const own = [a, b].filter(({ kind }) => kind === 'generator').map(({ name }) => name);
      const over = sources.filter(({ generated }) => own.every((name) => generated?.generator.name === name));
      if (over.length) tables.set(`${a.name} ${b.name}`, await reference(a, b, over));
    }
  }
  const channels = new Map(models.map(({ name, taps }) => [name, taps[0].channels]));
  return (a, b) => {
    const [u, v] = [parseUnit(a), parseUnit(b)];
    return tables.get(`${u.model} ${v.model}`)?.[u.index * channels.get(v.model)! + v.index];
  };
}

const unitsOf = ({ name, taps }: Model) =>
  Array.from({ length: taps[0].channels }, (_, i) => `${name}/${taps[0].layer}/${i}`);

/** The rule for sets as it is written down: first choices of the anchor's unit that have it among their first `setK`. */
function setsByRule(models: readonly Model[], anchor: Model, setK: number, r: Known): string[][] {
  const correlated = (m: Model) => r(unitsOf(anchor)[0], unitsOf(m)[0]) !== undefined;
  const others = models.filter((m) => m !== anchor && correlated(m));
  const ranked = (unit: string, among: Model) =>
    unitsOf(among)
      .map((name) => ({ name, score: r(unit, name)! }))
      .sort((x, y) => y.score - x.score)
      .map(({ name }) => name);
  return unitsOf(anchor).flatMap((unit) => {
    const choices = new Map(others.map((m) => [m, ranked(unit, m)[0]]));
    const chosen = others.every((m) => ranked(choices.get(m)!, anchor).slice(0, setK).includes(unit));
    return chosen ? [models.flatMap((m) => (m === anchor ? [unit] : (choices.get(m) ?? [])))] : [];
  });
}

/** Sets as texts, by concept, from similarities that are means over what is known. */
async function conceptsByRule({ sets }: Dictionary, threshold: number, r: Known): Promise<string[][]> {
  const similarity = sets.flatMap((s) =>
    sets.map((t) => {
      if (s.units.join() === t.units.join()) return 1;
      const all = s.units.flatMap((u) => t.units.flatMap((v) => r(u, v) ?? []));
      return all.reduce((sum, value) => sum + value, 0) / all.length;
    }),
  );
  const clusters = await clusterBySimilarity(Float32Array.from(similarity), sets.length, threshold);
  return clusters.map((items) => items.map((i) => sets[i].id));
}

describe('mining over generated images', () => {
  it('agrees with float64 over images that were made and looked at apart', async () => {
    const source = generatedSource(gan, { samples: 30, seed: 2, truncation: 0.8 });
    const folder = memoryFolder();
    const models = [gan, ...encoders];
    const dictionary = await mine({ engine, folder, models, images: source, saveScores: true, batch: 8 });
    const scores = await readSafetensorsBytes('scores', folder.files.get('scores.safetensors')!);
    for (const [a, b] of [[gan, encoders[0]], [gan, encoders[1]], encoders]) {
      const got = scores.get(`${a.name}--${b.name}`)!.data as Float32Array;
      const wanted = await reference(a, b, [source]);
      expect(Math.max(...wanted.map((r, i) => Math.abs(r - got[i])))).toBeLessThanOrEqual(1e-5);
    }
    expect(dictionary.images.sources).toEqual([
      {
        source: 'gan',
        count: 30,
        height: 6,
        width: 5,
        generated: { generator: 'gan', seed: 2, truncation: 0.8, classes: [0, 1, 2, 3, 4], noise: 'const' },
      },
    ]);
  });

  it('pools several sources: encoders see all, generators their own samples', async () => {
    const sources = [
      generatedSource(gan, { samples: 24, seed: 1 }),
      generatedSource(style, { samples: 36, seed: 1 }),
      noiseImages(20),
    ];
    const models = [...encoders, gan, style];
    const folder = memoryFolder();
    const thumbnails = () => Promise.resolve({ bytes: new Uint8Array(1), width: 1, height: 1 });
    const anchors = ['gan', 'style', 'a', 'gan'];
    const settings = { saveScores: true, batch: 8, anchors, k: 5, setK: 2, conceptThreshold: 0.2, thumbnails };
    const dictionary = await mine({ engine, folder, models, images: sources, ...settings });
    const scores = await readSafetensorsBytes('scores', folder.files.get('scores.safetensors')!);
    const expected: [Model, Model, ImageSource[]][] = [
      [encoders[0], encoders[1], sources],
      [encoders[0], gan, [sources[0]]],
      [encoders[1], style, [sources[1]]],
    ];
    for (const [a, b, over] of expected) {
      const got = scores.get(`${a.name}--${b.name}`)!.data as Float32Array;
      const wanted = await reference(a, b, over);
      expect(Math.max(...wanted.map((r, i) => Math.abs(r - got[i])))).toBeLessThanOrEqual(1e-5);
    }
    expect(scores.has('gan--style')).toBe(false);
    expect(dictionary.images.count).toBe(80);

    const known = await knownScores(models, sources);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const { sets } = dictionary;
    expect(dictionary.options.anchors).toEqual(['gan', 'style', 'a']);
    for (const anchor of models) {
      const wanted = setsByRule(models, anchor, 2, known);
      expect(dictionary.setCounts[anchor.name]).toBe(wanted.length);
      const got = sets.filter((set) => set.anchor === anchor.name);
      expect(got.map(({ units }) => units.join(' ')).sort()).toEqual(
        anchor.name === 'b' ? [] : wanted.map((units) => units.join(' ')).sort(),
      );
      if (anchor.name !== 'b') expect(got.length).toBeGreaterThan(0);
      for (const { units, r, pairwise } of got) {
        const own = units.find((unit) => parseUnit(unit).model === anchor.name)!;
        const deciding = units.filter((unit) => unit !== own).map((unit) => known(own, unit)!);
        expect(Math.abs(r - mean(deciding))).toBeLessThanOrEqual(1e-5);
        const expected = units.flatMap((u, i) => units.slice(i + 1).map((v) => known(u, v) ?? null));
        expect(pairwise.map((value) => value === null)).toEqual(expected.map((value) => value === null));
        pairwise.forEach((value, i) => expect(Math.abs(value! - expected[i]!)).toBeLessThanOrEqual(1e-5));
      }
    }
    expect(sets.filter(({ units }) => units.length === 3).length).toBe(
      dictionary.setCounts.gan + dictionary.setCounts.style,
    );
    expect(sets.map(({ id }) => id)).toEqual(sets.map((_, i) => `s${i}`));
    expect(sets.map(({ r }) => r)).toEqual(sets.map(({ r }) => r).sort((x, y) => y - x));
    const byFirst = (list: readonly (readonly string[])[]) => [...list].sort((x, y) => (x[0] < y[0] ? -1 : 1));
    expect(byFirst(dictionary.concepts.map((concept) => concept.sets))).toEqual(
      byFirst(await conceptsByRule(dictionary, 0.2, known)),
    );
    // Some concept has sets of both generators.
    const anchorOf = new Map(sets.map(({ id, anchor }) => [id, anchor]));
    const meeting = dictionary.concepts.filter((concept) =>
      ['gan', 'style'].every((name) => concept.sets.some((id) => anchorOf.get(id) === name)),
    );
    expect(meeting.length).toBeGreaterThan(0);

    const exemplars = JSON.parse(new TextDecoder().decode(folder.files.get('exemplars/exemplars.json'))) as Exemplars;
    const shown = Object.entries(exemplars.images);
    for (const [id, { name }] of shown) {
      const number = Number(id);
      const [source, i] =
        number < 24 ? [sources[0], number] : number < 60 ? [sources[1], number - 24] : [sources[2], number - 60];
      expect(name).toBe(source.names[i]);
    }
    for (const { id } of sets.filter(({ anchor }) => anchor === 'gan')) {
      expect(exemplars.sets[id].length).toBe(6);
      for (const image of exemplars.sets[id]) expect(Number(image)).toBeLessThan(24);
    }
    const own = shown.filter(([id]) => Number(id) < 24).map(([id]) => Number(id));
    expect(own.length).toBeGreaterThan(0);
    const saved = await readSafetensorsBytes('latents', folder.files.get('exemplars/latents/gan.safetensors')!);
    expect(Array.from(saved.get('z')!.data as Float32Array)).toEqual(Array.from(sources[0].generated!.latents(own).z));
    expect(saved.get('c')!.shape).toEqual([own.length, 5]);
  });

  it('gives the same whatever the batch size and the number of passes, and after a cut in any source', async () => {
    const images = () => [generatedSource(gan, { samples: 20 }), generatedSource(style, { samples: 24 })];
    const settings = {
      engine,
      models: [...encoders, gan, style],
      anchors: ['gan', 'style', 'a'],
      twins: true,
      saveEvery: 0,
    };
    const whole = await mine({ ...settings, images: images(), batch: 8, memory: 3000 });
    expectSame(await mine({ ...settings, images: images(), batch: 12 }), whole);
    expect(whole.models.map(({ name }) => name)).toContain('gan.untrained');
    const cuts: { before: number; furthest: number }[] = [];
    for (const cut of [1, 3, 5, 6, 8]) {
      const folder = memoryFolder();
      const told = cutAfter(cut + 1);
      const options = { ...settings, batch: 8, memory: 3000, folder };
      await expect(mine({ ...options, images: images(), onProgress: told.onProgress })).rejects.toThrow('cut');
      const before = told.seen.findLast(({ stage }) => stage === 'correlating')!.done;
      const after = cutAfter(Infinity);
      const resumed = await mine({ ...options, images: images(), onProgress: after.onProgress });
      const furthest = Math.max(
        0,
        ...after.seen.slice(0, 2).map(({ stage, done }) => (stage === 'correlating' ? done : 0)),
      );
      cuts.push({ before, furthest });
      expect(withoutTime(resumed)).toEqual(withoutTime(whole));
    }
    expect(cuts.length).toBe(5);
    for (const { before, furthest } of cuts) expect(furthest).toBeGreaterThan(before - 1);
  });

  it('makes the images that the latents of its exemplars make', async () => {
    const source = generatedSource(gan, { samples: 3, truncation: 0.6 });
    const b = new GraphBuilder();
    b.output(b.identity(addSamples(b, source, b.input('samples', [3, 25])).images), 'images');
    const session = await engine.open(b.build());
    const [row] = [await rowsOf(source, [0, 1, 2], 3)];
    const outputs = await session.run({ samples: float32([3, 25], row.flat()) });
    const { z, classes } = source.generated.latents([0, 1, 2]);
    const c = new Float32Array(15);
    classes.forEach((k, i) => (c[5 * i + k!] = 1));
    const input = { z: float32([3, 20], z), c: float32([3, 5], c) };
    const own = await collectActivations({
      engine,
      model: gan,
      input,
      generator: { truncation: 0.6 },
      batch: 2,
      memory: 2 ** 30,
    });
    const images = Array.from(own.get('output')!.data, (value) => 0.5 * value + 0.5);
    const made = outputs.tensors.images.data as Float32Array;
    expect(Math.max(...images.map((value, i) => Math.abs(value - made[i])))).toBeLessThan(1e-6);
  });

  it.each([
    [
      [gan, ...encoders],
      noiseImages(20),
      /gan is a generator, with maps on its own samples only, and the images are those of noise/,
    ],
    [
      [gan, style],
      [generatedSource(gan, { samples: 20 }), generatedSource(style, { samples: 20 })],
      /two generators make different images; add an encoder/,
    ],
  ])('is refused for models that share no images', async (models, images, message) => {
    await expect(mine({ engine, models, images })).rejects.toThrow(message);
  });
});
