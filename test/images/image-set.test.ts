import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { compareNames, imageSetOf, isImageName } from '../../src/images/image-set.ts';

describe('compareNames', () => {
  it('orders as the UTF-8 bytes do', () => {
    const names = [
      'a.png',
      'B.png',
      'é.png',
      'a/1.png',
      'a-1.png',
      '\u{1f600}.png',
      '\uff5e.png',
      'a',
      '',
      'a\u{1f600}b',
    ];
    const bytewise = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...names].sort(compareNames)).toEqual(bytewise);
    // Not so by the 16-bit units of JavaScript.
    expect([...names].sort()).not.toEqual(bytewise);
  });
});

describe('isImageName', () => {
  it.each([
    'a.jpg',
    'a.JPEG',
    'x/y.z/b.Png',
    'c.webp',
    '../a.png',
    './a.png',
    'a..png',
    'a.jfif',
    'a.JPE',
    'a.avif',
    'a.tif',
    'a.TIFF',
  ])('accepts %s', (name) => {
    expect(isImageName(name)).toBe(true);
  });
  it.each(['a.gif', 'png', 'a.png/b.txt', '.a.png', '.git/a.png', '__MACOSX/a.png', 'x/._a.png', '.png'])(
    'refuses %s',
    (name) => {
      expect(isImageName(name)).toBe(false);
    },
  );
});

describe('imageSetOf', () => {
  const one = Uint8Array.of(1);
  it('reads by index, refuses other indices, and reads nothing once closed', async () => {
    let closed = 0;
    const close = () => Promise.resolve(void closed++);
    const set = imageSetOf('set', new Map([['a.png', () => Promise.resolve(one)]]), undefined, close);
    expect(await set.read(0)).toBe(one);
    await expect(set.read(1)).rejects.toThrow(new RangeError('set has 1 images, no image 1'));
    await set.close();
    await set.close();
    expect(closed).toBe(1);
    await expect(set.read(0)).rejects.toThrow('the image set set is closed');
  });
  it('must not be empty', () => {
    expect(() => imageSetOf('holiday', new Map())).toThrow(UserError);
    expect(() => imageSetOf('holiday', new Map())).toThrow(
      /^holiday contains no images: .*\.jpg, \.jpeg, \.jpe, \.jfif, \.png, \.webp/,
    );
  });
});
