import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { augmentedSize, augmenter, multiCrop, type Augmentation } from '../../../src/training/augment/augment.ts';
import { asFloats, photos, range } from './photos.ts';

const dino: Augmentation[] = [
  { type: 'resizedCrop', size: 16, scale: [0.4, 1] },
  { type: 'flip' },
  { type: 'colourJitter', brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, probability: 0.8 },
  { type: 'greyscale', probability: 0.2 },
  { type: 'blur', sigma: [0.1, 2], probability: 0.5 },
  { type: 'solarise', probability: 0.2 },
  { type: 'cutout', size: 4, probability: 0.5 },
];

describe('augmenter', () => {
  const set = photos(10, 20, 18);

  it('gives the same again, whatever came in between and wherever it is written', () => {
    const augment = augmenter(dino);
    const indices = [3, 1, 4, 1, 5];
    const batch = augment(set, indices, 12, 34);
    augment(set, [9, 8], 0, 0);
    expect(augment(set, indices, 12, 34)).toEqual(batch);
    const out = new Float32Array(batch.length).fill(NaN);
    expect(augmenter(dino)(set, indices, 12, 34, out)).toBe(out);
    expect(out).toEqual(batch);
    expect(augment(set, indices, 12, 35)).not.toEqual(batch);
    expect(augment(set, indices, 13, 34)).not.toEqual(batch);
    expect(augment(set, indices, 12 + 2 ** 32, 34)).not.toEqual(batch);
    expect(batch.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('makes each photo by its place alone', () => {
    const augment = augmenter(dino);
    const at = (batch: Float32Array, i: number): Float32Array => batch.slice(i * 768, (i + 1) * 768);
    const batch = augment(set, [3, 1, 4, 1, 5], 12, 34);
    const other = augment(set, [0, 1, 2, 1], 12, 34);
    expect(at(other, 1)).toEqual(at(batch, 1));
    expect(at(other, 3)).toEqual(at(batch, 3));
    expect(at(batch, 1)).not.toEqual(at(batch, 3));
  });

  it('draws for an entry whatever others there are after it', () => {
    const flips = (list: Augmentation[]): Float32Array => augmenter(list)(set, range(10), 0, 0);
    const noCutout = { type: 'cutout', size: 3, probability: 0 } as const;
    expect(flips([{ type: 'flip' }, noCutout])).toEqual(flips([{ type: 'flip' }]));
  });

  it('gives the photos themselves by the empty list, of the size that it tells', () => {
    expect(augmenter([])(set, range(10), 0, 0)).toEqual(asFloats(set.pixels));
    expect(augmentedSize([], set)).toEqual({ height: 20, width: 18 });
    expect(augmentedSize(dino, set)).toEqual({ height: 16, width: 16 });
    expect(augmentedSize([{ type: 'resizedCrop', size: [3, 7] }], set)).toEqual({ height: 3, width: 7 });
  });

  it('names the entry that is wrong', () => {
    const refused = (entry: unknown): string => {
      try {
        augmenter([{ type: 'flip' }, entry as Augmentation]);
      } catch (error) {
        if (error instanceof UserError) return error.message;
        throw error;
      }
      return 'accepted';
    };
    expect(refused({ type: 'crop', padding: 4 })).toBe('accepted');
    expect(refused({ type: 'rotate' })).toMatch(/^augmentations\[1\]\.type is "rotate", not "crop" or "flip"/);
    expect(refused(null)).toMatch(/^augmentations\[1\] is null, not an object/);
    expect(refused({ type: 'toString' })).toMatch(/type is "toString", not "crop"/);
    expect(refused({ type: 'crop' })).toMatch(/^augmentations\[1\] lacks "padding" \(Width of the border/);
    expect(refused({ type: 'crop', padding: 1.5 })).toMatch(/padding is 1\.5, not a whole number/);
    expect(refused({ type: 'crop', padding: 4, border: 'wrap' })).toMatch(/border is "wrap", not "reflect" or "zero"/);
    expect(refused({ type: 'crop', padding: 4, pad: 1 })).toMatch(
      /unknown entry "pad"; known are type, padding, border/,
    );
    expect(refused({ type: 'flip', probability: 2 })).toMatch(/probability is 2 and must be at most 1/);
    expect(refused({ type: 'resizedCrop', size: [4] })).toMatch(/augmentations\[1\]\.size/);
    expect(refused({ type: 'resizedCrop', size: 4, scale: [0.5, 0.2] })).toMatch(
      /scale is \[0\.5,0\.2\]; give two numbers in increasing order/,
    );
    expect(refused({ type: 'resizedCrop', size: 4, scale: [0.5, 1.2] })).toMatch(
      /scale\[1\] is 1\.2 and must be at most 1/,
    );
    expect(refused({ type: 'colourJitter', hue: 0.6 })).toMatch(/hue is 0\.6 and must be at most 0\.5/);
    expect(refused({ type: 'blur', sigma: [0, 1] })).toMatch(/sigma\[0\] is 0 and must be above 0/);
    expect(() => augmenter({} as never)).toThrow(/^augmentations is \{\}, not a list/);
  });

  it('refuses photos that do not exist, and buffers of another length', () => {
    const augment = augmenter([]);
    expect(() => augment(set, [10], 0, 0)).toThrow(RangeError);
    expect(() => augment(set, [0], 0, 0, new Float32Array(7))).toThrow(RangeError);
    expect(() => augment(set, [0], 0.5, 0)).toThrow(/seed/);
    expect(() => augment(set, [0], 0, -1)).toThrow(/step/);
  });
});

describe('multiCrop', () => {
  const set = photos(6, 20, 20);

  it('makes each crop by its own list, each with numbers of its own', () => {
    const box = { size: 16, scale: [0.4, 1] } as const;
    const crops = multiCrop({
      global: { count: 2, ...box, then: [dino.slice(1), []] },
      local: { count: 3, size: 8, scale: [0.05, 0.4] },
    });
    const { global, local } = crops(set, [5, 2], 1, 9);
    expect(global.map((batch) => batch.length)).toEqual([1536, 1536]);
    expect(local.map((batch) => batch.length)).toEqual([384, 384, 384]);
    expect(global[0]).toEqual(augmenter([{ type: 'resizedCrop', ...box }, ...dino.slice(1)])(set, [5, 2], 1, 9));
    expect(new Set(local.map((batch) => batch.join())).size).toBe(3);

    const out = { global: new Float32Array(3072), local: new Float32Array(1152) };
    const again = crops(set, [5, 2], 1, 9, out);
    expect(again).toEqual({ global, local });
    expect([...out.local]).toEqual(local.flatMap((batch) => [...batch]));
    expect(again.global[1].buffer).toBe(out.global.buffer);
  });

  it('needs no local crops, and names what is wrong', () => {
    const global = { count: 1, size: 8 };
    expect(multiCrop({ global })(set, [0], 0, 0).local).toEqual([]);
    expect(() => multiCrop({} as never)).toThrow(/needs a group global/);
    expect(() => multiCrop({ global, small: global } as never)).toThrow(/not "small"/);
    expect(() => multiCrop({ global: { count: 0, size: 8 } })).toThrow(/^global\.count is 0 and must be at least 1/);
    expect(() => multiCrop({ global, local: { count: 1, size: 8, scale: [1, 2] } })).toThrow(
      /^local\.scale\[1\] is 2 and must be at most 1/,
    );
    const wrong = { type: 'blur', sigma: 3 } as never;
    expect(() => multiCrop({ global: { ...global, then: [[{ type: 'flip' }, wrong]] } })).toThrow(
      /^global\.then\[0\]\[1\]\.sigma is 3, not a list/,
    );
    expect(() => multiCrop({ global: { ...global, then: [dino] } })).toThrow(
      /^global\.then\[0\]\[0\] is a resizedCrop/,
    );
  });
});
