// Inversion, translation and editing as a whole, on a small real run: they reach what they aim at, and tell what they lack.

import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { float32, type Float32Tensor } from '../../src/graph/tensor.ts';
import { bridgedPairs, generatorTargets } from '../../src/synthesis/bridge.ts';
import { agreementAt, judgeDomain, ownAgreement } from '../../src/synthesis/domain.ts';
import { edit, type EditOptions } from '../../src/synthesis/edit/edit.ts';
import { parseEditScript } from '../../src/synthesis/edit/script.ts';
import { photoTargets } from '../../src/synthesis/guide.ts';
import { invert, type InvertOptions } from '../../src/synthesis/invert.ts';
import { sampleLatents } from '../../src/synthesis/search/latents.ts';
import { generatorMaps } from '../../src/synthesis/maps.ts';
import { guidingPairs } from '../../src/synthesis/guiding-pairs.ts';
import { largestDifference } from '../golden.ts';
import { a, encoders, engine, everything, gan, smallRun, style } from './run.ts';

let run: Awaited<ReturnType<typeof smallRun>>;
beforeAll(async () => {
  run = await smallRun();
});

const image = async (generator: typeof gan, seed: number) => {
  const latents = await sampleLatents(engine, generator, { samples: 1, seed });
  return { latents, picture: (await generatorMaps(engine, generator, latents, new Map())).images };
};

const settings = { engine, generator: gan, space: 'z' as const, candidates: 8, starts: 2, steps: 150, every: 50 };

describe('inversion', () => {
  const guided = async (picture: Float32Tensor, more: Partial<InvertOptions> = {}) => {
    const { pairs } = guidingPairs(run.dictionary, 'gan');
    const targets = await photoTargets({
      engine,
      encoders,
      images: picture,
      pairs,
      generator: gan,
      moments: run.moments,
    });
    return { ...settings, pairs, targets, picture, ...more };
  };

  it('finds the image that the pairs see, better than it began, and measures it', async () => {
    const { picture, latents } = await image(gan, 500);
    const options = await guided(picture, { judge: a });
    const found = await invert(options);
    expect(found.stopped).toBe('done');
    expect(found.after!.mean).toBeGreaterThan(found.before!.mean + 0.1);
    // The pairs are no perfect copies: at the true latent they agree so much, and the search cannot do much worse.
    const { groups } = options.targets;
    const truth = await agreementAt({ engine, generator: gan, latents, groups });
    expect(found.after!.mean).toBeGreaterThan(truth.reduce((sum, r) => sum + r, 0) / truth.length - 0.02);
    expect(found.after!.each).toHaveLength(options.pairs.length);
    expect(1 - found.terms.rosetta).toBeCloseTo(found.after!.mean, 5);
    expect(found.losses).toHaveLength(2);
    expect(Math.min(...found.losses)).toBe(found.loss);
    // The pairs alone bring the pixels along, and the pixel term brings them further.
    const pixels = await invert({ ...options, weights: { rosetta: 1, pixel: 100 } });
    expect(found.metrics!.psnr).toBeGreaterThan(15);
    expect(pixels.metrics!.psnr).toBeGreaterThan(found.metrics!.psnr);
    expect(pixels.metrics!.featureDistance).toBeLessThan(found.metrics!.featureDistance!);
    expect(largestDifference(pixels.image.data, picture.data)).toBeLessThan(0.25);
  });

  it('can be guided by features and pixels alone', async () => {
    const { picture } = await image(gan, 501);
    const found = await invert({ ...settings, picture, features: a, weights: { pixel: 10, feature: 1 } });
    expect(Object.keys(found.terms)).toEqual(['pixels', 'features']);
    expect(found.after).toBeUndefined();
    expect(found.metrics!.psnr).toBeGreaterThan(18);
  });

  it('tells a picture of another kind from those of the generator', async () => {
    const { pairs } = guidingPairs(run.dictionary, 'gan');
    const counts: number[] = [];
    const own = await ownAgreement({
      engine,
      generator: gan,
      encoders,
      pairs,
      moments: run.moments,
      samples: 12,
      seed: 9,
      onProgress: ({ done }) => void counts.push(done),
    });
    expect(counts).toEqual([4, 8, 12]);
    const { picture } = await image(gan, 502);
    const inside = await invert(await guided(picture, { own }));
    expect(inside.domain).toMatchObject({ outside: false, reached: inside.after!.mean });
    // A chequerboard is no sum of this generator's few patterns.
    const board = float32(
      [1, 3, 6, 5],
      Array.from({ length: 90 }, (_, i) => ((Math.floor(i / 5) + i) % 2 ? 1 : 0)),
    );
    const outside = await invert(await guided(board, { own }));
    expect(outside.domain!.reached).toBeLessThan(inside.domain!.reached);
    expect(judgeDomain(0.1, [0.5, 0.6, 0.7])).toEqual({ reached: 0.1, ownMean: 0.6, ownLow: 0.5, outside: true });
  });

  it('tells what it lacks', async () => {
    const { picture } = await image(gan, 503);
    const refused = (more: Partial<InvertOptions>) => expect(invert({ ...settings, ...more })).rejects;
    await refused({ picture }).toThrow(/the rosetta term needs pairs that guide/);
    await refused({ weights: { pixel: 1 } }).toThrow(/need a picture/);
    await refused({ picture, weights: { feature: 1 } }).toThrow(/the feature term needs an encoder/);
    await refused({ picture, weights: {} }).toThrow(/the objective has no term/);
    const small = float32([1, 3, 2, 2], new Float32Array(12));
    await refused({ picture: small, weights: { pixel: 1 } }).toThrow(/\[1, 3, 2, 2\], but gan makes \[1, 3, 6, 5\]/);
    await refused({ picture, weights: { pixel: 1, norm: 1 }, space: 'w' }).toThrow(Error);
  });
});

describe('translation', () => {
  it('gives one generator the maps of another, over bridges', async () => {
    const { latents } = await image(style, 600);
    const { pairs } = bridgedPairs(run.dictionary, 'style', 'gan', everything);
    const targets = await generatorTargets({ engine, from: style, latents, pairs, to: gan, moments: run.moments });
    const found = await invert({ ...settings, pairs, targets });
    expect(found.after!.mean).toBeGreaterThan(found.before!.mean + 0.1);
    expect(found.metrics).toBeUndefined();
  });
});

describe('edits', () => {
  const edited = async (edits: unknown[], more: Partial<EditOptions> = {}) => {
    const { latents } = await image(gan, 700);
    const { dictionary, moments } = run;
    const script = parseEditScript({ version: 1, edits, hold: 0.5 });
    return edit({ ...settings, latents, dictionary, moments, script, ...more });
  };

  it.each([
    { type: 'shift', dx: 0.34, dy: 0 },
    { type: 'zoom', factor: 1.5 },
    { type: 'rotate', degrees: 90 },
    { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1] },
    { type: 'copy-paste', from: [0, 0, 1, 1], to: [0, 0, 1, 1], source: 'other' },
  ])('brings the maps to their targets: $type', async (one) => {
    const sources = new Map([['other', (await image(gan, 701)).latents]]);
    const found = await edited([one], { sources });
    expect(found.after.all).toBeGreaterThan(found.before.all + 0.002);
    expect(found.before.edited).toBeDefined();
    expect(found.loss).toBeCloseTo(1 - found.after.all, 4);
    // At the start the image is the unedited one.
    expect(largestDifference(found.started.data, found.original.data)).toBeLessThan(1e-6);
    expect(largestDifference(found.image.data, found.original.data)).toBeGreaterThan(0.02);
  });

  it.each([
    { type: 'strengthen', factor: 2 },
    { type: 'weaken', factor: 0.3, box: [0, 0, 1, 0.5] },
    { type: 'erase', box: [0, 0, 1, 0.5] },
  ])('brings strength to its target and holds the rest: $type', async (one) => {
    const { id } = run.dictionary.sets[0];
    const found = await edited([{ ...one, units: { sets: [id] } }]);
    expect(found.after.level!).toBeLessThan(0.7 * found.before.level!);
    expect(found.after.held!).toBeGreaterThan(0.7);
    expect(found.targets.edited).toHaveLength(1);
  });

  it('tells what it cannot do', async () => {
    const refused = (edits: unknown[], more?: Partial<EditOptions>) => expect(edited(edits, more)).rejects;
    await refused([{ type: 'class', class: 1 }]).toThrow(/gan has no classes/);
    await refused([{ type: 'shift', dx: 0.2, dy: 0, units: { sets: ['s99999'] } }]).toThrow(/no set "s99999"/);
    await refused([{ type: 'copy-paste', from: [0, 0, 1, 1], to: [0, 0, 1, 1], source: 'x' }]).toThrow(
      /pastes from "x", of which no latent is given/,
    );
    await refused([{ type: 'shift', dx: 0.2, dy: 0 }], {
      latents: await sampleLatents(engine, gan, { samples: 2 }),
    }).toThrow(/one image is edited at a time, not 2/);
    await refused([{ type: 'shift', dx: 0.2, dy: 0 }], { latents: { z: float32([1, 3], [0, 0, 0]) } }).toThrow(
      UserError,
    );
  });
});
