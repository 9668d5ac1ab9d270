import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePixels, encodeAnimation, encodePng } from '../../src/images/node.ts';
import { enlarge } from '../../src/images/pixels.ts';
import { draw, noise, planar } from './pictures.ts';

describe('encodePng', () => {
  it('keeps every pixel, and clamps what lies outside', async () => {
    const pixels = noise(13, 7);
    expect(await decodePixels(await encodePng(planar(pixels), 7, 13))).toEqual({
      pixels: Buffer.from(pixels),
      height: 7,
      width: 13,
    });
    const beyond = await decodePixels(await encodePng(Float32Array.of(-0.5, 1.5, 0.5), 1, 1));
    expect([...beyond.pixels]).toEqual([0, 255, 128]);
  });

  it('refuses another size', async () => {
    await expect(async () => encodePng(new Float32Array(12), 3, 3)).rejects.toThrow(RangeError);
  });
});

describe('enlarge', () => {
  it('repeats every pixel along both axes', () => {
    const pixels = noise(5, 3);
    const large = enlarge(pixels, 3, 5, 4);
    const at = (x: number, y: number) => Array.from(pixels.subarray(3 * (5 * y + x), 3 * (5 * y + x) + 3));
    expect(large).toEqual(draw(20, 12, (x, y) => at(Math.floor(x / 4), Math.floor(y / 4))));
    expect(enlarge(pixels, 3, 5, 1)).toBe(pixels);
  });
});

describe('encodeAnimation', () => {
  const frames = [1, 2, 3].map((seed) => noise(20, 12, seed));

  it('loops over all frames and holds the last; small ones are enlarged without loss', async () => {
    const bytes = await encodeAnimation(frames.map(planar), { height: 12, width: 20, delayMs: 60 });
    const metadata = await sharp(bytes, { animated: true }).metadata();
    expect(metadata).toMatchObject({ format: 'webp', pages: 3, loop: 0, delay: [60, 60, 1500] });
    expect(metadata).toMatchObject({ width: 240, pageHeight: 144 });
    for (const [page, frame] of frames.entries()) {
      const { data } = await sharp(bytes, { page }).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      expect(new Uint8Array(data)).toEqual(enlarge(frame, 12, 20, 12));
    }
  });

  it('leaves large frames their size, near what they were', async () => {
    const slope = [0, 60].map((blue) => draw(300, 40, (x, y) => [Math.floor(x / 2), 5 * y, blue]));
    const bytes = await encodeAnimation(slope.map(planar), { height: 40, width: 300, delayMs: 2000 });
    expect(await sharp(bytes, { animated: true }).metadata()).toMatchObject({
      width: 300,
      pageHeight: 40,
      pages: 2,
      delay: [2000, 2000],
    });
    const second = await sharp(bytes, { page: 1 }).removeAlpha().raw().toBuffer();
    const error = second.reduce((sum, value, i) => sum + Math.abs(value - slope[1][i]), 0) / second.length;
    expect(error).toBeLessThan(3);
  });

  it('takes another size for viewing, and one frame', async () => {
    const bytes = await encodeAnimation([planar(frames[0])], { height: 12, width: 20, delayMs: 60, size: 50 });
    expect(await sharp(bytes, { animated: true }).metadata()).toMatchObject({ width: 40, height: 24 });
  });

  it('refuses no frames, and frames of different sizes', async () => {
    const options = { height: 12, width: 20, delayMs: 60 };
    await expect(encodeAnimation([], options)).rejects.toThrow(RangeError);
    await expect(encodeAnimation([planar(frames[0]), new Float32Array(9)], options)).rejects.toThrow('9 values');
  });
});
