// Exemplars read back: those of a run as they are, damaged ones with the file and the place.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { readExemplars } from '../../src/mining/run/read-exemplars.ts';
import type { Dictionary } from '../../src/mining/run/dictionary.ts';

const whole = {
  images: { '7': { file: 'images/7.webp', name: 'cat.png', width: 32, height: 24 } },
  sets: { s0: ['7'] },
  units: { 'a/x/0': { offset: 0, height: 4, width: 3, images: ['7'], scale: 2.5 } },
};
const dictionary = { sets: [{ id: 's0' }] } as unknown as Dictionary;

async function read(text: string) {
  const folder = memoryFolder();
  await folder.write('exemplars/exemplars.json', [text]);
  return readExemplars(folder, 'run', dictionary);
}

describe('exemplars', () => {
  it('are read as they were written, and may be absent', async () => {
    expect(await read(JSON.stringify(whole))).toEqual(whole);
    expect(await readExemplars(memoryFolder(), 'run', dictionary)).toBeUndefined();
  });

  const unit = (change: object) => ({ ...whole, units: { 'a/x/0': { ...whole.units['a/x/0'], ...change } } });
  it.each<[string, unknown, RegExp]>([
    ['cut short', '{"images":', /damaged \(not valid JSON: .*\); mine again$/],
    ['nested without end', '['.repeat(5000) + ']'.repeat(5000), /\(not valid JSON: nested more than 100 levels deep\)/],
    ['empty', '', /damaged \(not valid JSON/],
    ['a list', [], /\(the whole is \[\], not an object\)/],
    ['without units', { images: {}, sets: {} }, /\(the whole lacks "units"\)/],
    [
      'dictionary files of another program',
      { images: { s0: ['7', '8'] }, sets: {}, units: {} },
      /\(images\.s0 is \["7","8"\], not an object\)/,
    ],
    ['a huge side', unit({ width: 2e9 }), /units\["a\/x\/0"\]\.width is 2000000000 and must be at most 65536/],
    ['a text for a number', unit({ offset: '0' }), /units\["a\/x\/0"\]\.offset is "0", not a whole number/],
    ['NaN, which JSON has as null', unit({ scale: NaN }), /units\["a\/x\/0"\]\.scale is null, not a number/],
    ['an image that is not there', { ...whole, sets: { s0: ['8'] } }, /s0 names the image "8"/],
    ['a set that is not there', { ...whole, sets: { s9: [] } }, /it names the set "s9"/],
  ])('that are %s are told with their file', async (_, value, message) => {
    const reading = read(typeof value === 'string' ? value : JSON.stringify(value));
    await expect(reading).rejects.toBeInstanceOf(UserError);
    await expect(reading).rejects.toThrow(/^run\/exemplars\/exemplars\.json is damaged/);
    await expect(reading).rejects.toThrow(message);
  });
});
