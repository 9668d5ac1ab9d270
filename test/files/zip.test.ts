// What ZIP archives are refused for, and that errors of what is read from are none of the archive.
// The formats of real archives are tried with images and checkpoints.

import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { bytesSource, type ByteSource } from '../../src/files/source.ts';
import { readZip } from '../../src/files/zip.ts';

const text = new TextEncoder().encode('the same words again and again, '.repeat(20));
const archive = (level: 0 | 6 = 6): Buffer =>
  Buffer.from(zipSync({ 'a.txt': text, 'b/c.txt': text, 'd.txt': text }, { level }));
const opened = (bytes: Uint8Array) => readZip(bytesSource('x.zip', bytes));
const end = (zip: Buffer): number => zip.lastIndexOf('PK\x05\x06');

describe('an archive', () => {
  it('has all files that its directory holds', async () => {
    expect((await opened(archive())).map(({ path }) => path)).toEqual(['a.txt', 'b/c.txt', 'd.txt']);
  });

  it.each([0, 1, 2])('is refused where its end counts %i of three files', async (count) => {
    const zip = archive();
    for (const at of [8, 10]) zip.writeUInt16LE(count, end(zip) + at);
    await expect(opened(zip)).rejects.toThrow(
      /^x\.zip is a ZIP archive whose directory lists other files than its end/,
    );
  });

  it('is refused where its end counts the last files only, and their size', async () => {
    const zip = archive();
    const second = zip.indexOf('PK\x01\x02', zip.indexOf('PK\x01\x02') + 4);
    for (const at of [8, 10]) zip.writeUInt16LE(2, end(zip) + at);
    zip.writeUInt32LE(end(zip) - second, end(zip) + 12);
    await expect(opened(zip)).rejects.toThrow(UserError);
  });

  it('whose data are damaged is told as such, of whatever class the error of the engine is', async () => {
    const whole = archive();
    for (let at = 35; at < whole.indexOf('PK\x03\x04', 4); at++) {
      for (const flip of [0xff, 0x06]) {
        const zip = Buffer.from(whole);
        zip[at] ^= flip;
        const [entry] = await opened(zip);
        await expect(entry.whole()).rejects.toBeInstanceOf(UserError);
      }
    }
  });
});

describe('an error of what is read from', () => {
  const defects = [new TypeError('undefined is no function'), new RangeError('out of range'), new Error('assertion')];

  it.each(defects)('%s is passed on as it is, also while the data are read', async (defect) => {
    for (const level of [0, 6] as const) {
      const whole = bytesSource('x.zip', archive(level));
      let failing = true;
      const source: ByteSource = { ...whole, read: (...at) => (failing ? Promise.reject(defect) : whole.read(...at)) };
      await expect(readZip(source)).rejects.toBe(defect);
      failing = false;
      const [entry] = await readZip(source);
      failing = true;
      await expect(entry.whole()).rejects.toBe(defect);
      await expect(entry.read(0, 4)).rejects.toBe(defect);
      failing = false;
      expect(await entry.whole()).toEqual(text);
    }
  });
});
