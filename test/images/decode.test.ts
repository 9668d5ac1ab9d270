import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { decodeImage, encodeImage, imageSize } from '../../src/images/node.ts';
import { draw, largestDifference, noise, planar, png, raw, webp } from './pictures.ts';

const width = 37;
const height = 23;
const pixels = noise(width, height);
const frame = { width, height };
/** One level of 8 bits, with room for the rounding of float32. */
const level = 1.001 / 255;

describe('decodeImage', () => {
  it.each([
    ['PNG', png],
    ['WebP without loss', webp],
    ['PNG with an sRGB profile', () => raw(pixels, width, height).withIccProfile('srgb').png().toBuffer()],
    ['interlaced PNG', () => raw(pixels, width, height).png({ progressive: true }).toBuffer()],
  ])('leaves the values of a %s untouched, in its own size and in a frame of that size', async (_, encode) => {
    const bytes = await encode(pixels, width, height);
    for (const size of [undefined, frame]) {
      const image = await decodeImage(bytes, size);
      expect(image).toMatchObject(frame);
      expect(image.data).toEqual(planar(pixels));
    }
  });

  it('reads a JPEG as sharp does, and near the picture that it was made of', async () => {
    const ramp = draw(64, 48, (x, y) => [4 * x, 5 * y, 255 - 2 * x - 2 * y]);
    const bytes = await raw(ramp, 64, 48).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
    const { data } = await decodeImage(bytes, { width: 64, height: 48 });
    expect(data).toEqual(planar(await sharp(bytes).raw().toBuffer()));
    expect(largestDifference(data, planar(ramp))).toBeLessThan(4 * level);
  });

  // Where the stored pixel (x, y) is shown, for each value of the EXIF tag (EXIF 2.3, tag 0x0112).
  it.each<[number, (x: number, y: number) => [number, number]]>([
    [1, (x, y) => [x, y]],
    [2, (x, y) => [width - 1 - x, y]],
    [3, (x, y) => [width - 1 - x, height - 1 - y]],
    [4, (x, y) => [x, height - 1 - y]],
    [5, (x, y) => [y, x]],
    [6, (x, y) => [height - 1 - y, x]],
    [7, (x, y) => [height - 1 - y, width - 1 - x]],
    [8, (x, y) => [y, width - 1 - x]],
  ])('applies EXIF orientation %i exactly', async (orientation, place) => {
    const bytes = await raw(pixels, width, height).withMetadata({ orientation }).webp({ lossless: true }).toBuffer();
    const shown = orientation >= 5 ? { width: height, height: width } : frame;
    const expected = new Uint8Array(pixels.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = place(x, y);
        expected.set(pixels.subarray(3 * (y * width + x), 3 * (y * width + x) + 3), 3 * (v * shown.width + u));
      }
    }
    expect(await imageSize(bytes)).toEqual(shown);
    for (const size of [undefined, shown]) {
      const image = await decodeImage(bytes, size);
      expect(image).toMatchObject(shown);
      expect(image.data).toEqual(planar(expected));
    }
  });

  it('gives grey images three equal channels', async () => {
    const grey = pixels.subarray(0, width * height);
    for (const encode of [
      raw(grey, width, height).toColourspace('b-w').png(),
      raw(grey, width, height).webp({ lossless: true }),
    ]) {
      const { data } = await decodeImage(await encode.toBuffer(), frame);
      expect(data).toEqual(planar(Uint8Array.from(pixels, (_, i) => grey[Math.floor(i / 3)])));
    }
  });

  it('expands palettes', async () => {
    const four = [
      [0, 0, 0],
      [255, 0, 10],
      [0, 255, 20],
      [30, 40, 255],
    ];
    const picture = draw(width, height, (x, y) => four[(x * y + x) % 4]);
    const bytes = await raw(picture, width, height).png({ palette: true, colours: 4, dither: 0 }).toBuffer();
    expect((await sharp(bytes).metadata()).isPalette).toBe(true);
    expect((await decodeImage(bytes, frame)).data).toEqual(planar(picture));
  });

  it('reduces 16 bits to 8', async () => {
    const deep = Uint16Array.from({ length: 3 * width * height }, (_, i) => (i * 2749) % 65536);
    for (const channels of [3, 1]) {
      const values = deep.subarray(0, channels * width * height);
      const bytes = await raw(values, width, height)
        .toColourspace(channels === 3 ? 'rgb16' : 'grey16')
        .png()
        .toBuffer();
      expect((await sharp(bytes).metadata()).bitsPerSample).toBe(16);
      const { data } = await decodeImage(bytes, frame);
      const area = width * height;
      const expected = Float32Array.from(data, (_, i) =>
        channels === 3 ? values[3 * (i % area) + Math.floor(i / area)] / 65535 : values[i % area] / 65535,
      );
      expect(largestDifference(data, expected)).toBeLessThan(level);
    }
  });

  it.each([
    [8, 255],
    [16, 65535],
  ])('lays transparency of %i bits on white', async (bits, top) => {
    const area = width * height;
    const rgba = new (bits === 16 ? Uint16Array : Uint8Array)(4 * area).map((_, i) => ((i * 2749) % 256) * (top / 255));
    for (let i = 0; i < 20; i++) rgba[4 * i + 3] = i < 10 ? 0 : top;
    const image = raw(rgba, width, height);
    const bytes = await (bits === 16 ? image.toColourspace('rgb16') : image).png().toBuffer();
    const { data } = await decodeImage(bytes, frame);
    const expected = Float32Array.from(data, (_, i) => {
      const alpha = rgba[4 * (i % area) + 3] / top;
      return (rgba[4 * (i % area) + Math.floor(i / area)] / top) * alpha + 1 - alpha;
    });
    expect(largestDifference(data, expected)).toBeLessThan(level);
    expect([...data.subarray(0, 10)]).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('converts a Display P3 image to sRGB', async () => {
    // The sRGB colour (0.6, 0.4, 0.3) has these coordinates in Display P3: both share transfer curve and white point;
    // matrix of linear sRGB to linear P3 from CSS Color 4, section 18.
    const linear = (v: number): number => ((v + 0.055) / 1.055) ** 2.4;
    const encoded = (v: number): number => 1.055 * v ** (1 / 2.4) - 0.055;
    const [r, g, b] = [0.6, 0.4, 0.3].map(linear);
    const p3 = [
      0.8224619688 * r + 0.1775380313 * g,
      0.0331941989 * r + 0.9668058012 * g,
      0.0170826307 * r + 0.0723974407 * g + 0.9105199286 * b,
    ].map((v) => Math.round(255 * encoded(v)));
    // Tagged, not converted, by exchanging the profiles: libvips writes sRGB pixels as P3 when asked for a P3 profile.
    const tagged = await raw(
      draw(8, 8, () => [153, 102, 77]),
      8,
      8,
    )
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const stored = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
    expect(largestDifference(stored.subarray(0, 3), p3)).toBeLessThanOrEqual(1);
    const { data } = await decodeImage(tagged);
    expect(largestDifference([data[0], data[64], data[128]], [0.6, 0.4, 77 / 255])).toBeLessThan(2 * level);
  });

  it('converts CMYK, without ink to white and with all of it to near black', async () => {
    const half = draw(16, 16, (x) => (x < 8 ? [255, 255, 255] : [0, 0, 0]));
    const bytes = await raw(half, 16, 16).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    const { data } = await decodeImage(bytes);
    expect(data.length).toBe(3 * 256);
    for (let channel = 0; channel < 3; channel++) {
      expect(data[channel * 256]).toBeGreaterThan(0.97);
      expect(data[channel * 256 + 15]).toBeLessThan(0.2);
    }
  });

  it('reads TIFF without loss, and AVIF near the picture', async () => {
    expect(
      (await decodeImage(await raw(pixels, width, height).tiff({ compression: 'lzw' }).toBuffer(), frame)).data,
    ).toEqual(planar(pixels));
    const ramp = draw(64, 48, (x, y) => [4 * x, 5 * y, 255 - 2 * x - 2 * y]);
    const { data } = await decodeImage(await raw(ramp, 64, 48).avif({ quality: 100 }).toBuffer());
    expect(largestDifference(data, planar(ramp))).toBeLessThan(8 * level);
  });

  it('refuses an AVIF that claims more pixels than there are', async () => {
    const bytes = await raw(pixels, width, height).avif({ effort: 0 }).toBuffer();
    bytes.writeUInt32BE(1_526_726_668, bytes.indexOf('ispe') + 8);
    bytes.writeUInt32BE(0, bytes.indexOf('ispe') + 12);
    await expect(imageSize(bytes)).rejects.toThrow(new UserError('the image has more than 64 million pixels'));
  });

  it('takes the first frame of an animation', async () => {
    const frames = await Promise.all([1, 2].map((seed) => png(noise(16, 16, seed), 16, 16)));
    const bytes = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true })
      .toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    expect((await decodeImage(bytes)).data).toEqual(planar(noise(16, 16, 1)));
  });

  it('crops at the centre what already has the height or width of the frame, exactly', async () => {
    const inner = await decodeImage(await png(pixels, width, height), { height, width: 23 });
    const expected = draw(23, height, (x, y) => [
      ...pixels.subarray(3 * (y * width + x + 7), 3 * (y * width + x + 7) + 3),
    ]);
    expect(inner.data).toEqual(planar(expected));
  });

  it.each([
    ['shrinking', 96, 48, 0],
    // By a half-pixel of the frame, which libvips is known for.
    ['enlarging', 24, 48, 0.5],
  ])('keeps colours, and positions in the sense of half-pixel centres, when %s', async (_, from, to, shift) => {
    // A linear ramp comes out of every interpolation as a linear ramp, but for the borders.
    const slope = 192 / from;
    const ramp = draw(2 * from, from, (x, y) => [slope * (x / 2), 255 - slope * y, 100]);
    const { data } = await decodeImage(await png(ramp, 2 * from, from), { height: to, width: to });
    const border = 6;
    let largest = 0;
    for (let y = border; y < to - border; y++) {
      for (let x = border; x < to - border; x++) {
        // The frame shows the middle half of the width.
        const u = (x - shift + 0.5) * (from / to) - 0.5 + from / 2;
        const v = (y - shift + 0.5) * (from / to) - 0.5;
        const expected = [slope * (u / 2), 255 - slope * v, 100];
        for (let c = 0; c < 3; c++) {
          largest = Math.max(largest, Math.abs(data[(c * to + y) * to + x] * 255 - expected[c]));
        }
      }
    }
    expect(largest).toBeLessThan(1.1);
  });

  it('brings a line of pixels to any frame', async () => {
    const line = await png(
      draw(1, 500, () => [10, 20, 30]),
      1,
      500,
    );
    const { data } = await decodeImage(line, { height: 32, width: 32 });
    expect(data).toEqual(planar(draw(32, 32, () => [10, 20, 30])));
  });
});

describe('what cannot be decoded', () => {
  const reasonOf = async (bytes: Uint8Array): Promise<string> => {
    const error: unknown = await decodeImage(bytes, { height: 8, width: 8 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  };

  it('says why', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
    expect(await reasonOf(new Uint8Array(0))).toBe('the file is empty');
    expect(await reasonOf(Buffer.from('these are not the pixels you are looking for'))).toBe(
      'the content is not JPEG, PNG, WebP, AVIF or TIFF',
    );
    expect(await reasonOf(Buffer.from(svg))).toBe('the content is not JPEG, PNG, WebP, AVIF or TIFF');
    expect(await reasonOf(Uint8Array.of(0xff, 0xd8, 0xff))).toBe('the JPEG data are broken or cut short');
  });

  it.each(['jpeg', 'png', 'webp'] as const)('includes a %s cut short anywhere', async (format) => {
    const bytes = await encodeImage(noise(64, 64), 64, 64, format);
    const name = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP' }[format];
    for (const part of [0.02, 0.3, 0.6, 0.95]) {
      const reason = await reasonOf(bytes.subarray(0, Math.floor(bytes.length * part)));
      expect(reason).toBe(`the ${name} data are broken or cut short`);
    }
  });

  it('includes a PNG with a broken middle', async () => {
    const bytes = await png(noise(64, 64), 64, 64);
    bytes.fill(0x55, bytes.length >> 1, (bytes.length >> 1) + 9);
    expect(await reasonOf(bytes)).toBe('the PNG data are broken or cut short');
  });

  it('includes images of more pixels than memory should be given for', async () => {
    const bytes = Buffer.from(await png(noise(4, 4), 4, 4));
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    expect(await reasonOf(bytes)).toBe('the image has more than 64 million pixels');
  });

  it('includes a sound file of a few kilobytes that would take gigabytes', async () => {
    const bytes = await sharp({ create: { width: 8001, height: 8000, channels: 3, background: '#000' } })
      .webp({ lossless: true, effort: 0 })
      .toBuffer();
    expect(bytes.length).toBeLessThan(10_000);
    expect(await reasonOf(bytes)).toBe('the image has more than 64 million pixels');
  });
});

describe('encodeImage', () => {
  it('keeps every value in PNG and in WebP without loss', async () => {
    for (const [format, options] of [
      ['png', {}],
      ['webp', { lossless: true }],
    ] as const) {
      const bytes = await encodeImage(pixels, width, height, format, options);
      expect(await imageSize(bytes)).toEqual(frame);
      expect(new Uint8Array(await sharp(bytes).raw().toBuffer())).toEqual(pixels);
    }
  });

  it('obeys the quality', async () => {
    for (const format of ['jpeg', 'webp'] as const) {
      const [low, usual, high] = await Promise.all(
        [{ quality: 20 }, undefined, { quality: 95 }].map((options) =>
          encodeImage(pixels, width, height, format, options),
        ),
      );
      expect(low.length).toBeLessThan(usual.length);
      expect(usual.length).toBeLessThan(high.length);
      expect((await sharp(high).metadata()).format).toBe(format);
    }
  });

  it('refuses pixels that are not the image', async () => {
    await expect(encodeImage(pixels, width, height + 1, 'png')).rejects.toThrow(RangeError);
  });
});
