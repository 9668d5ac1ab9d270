// Edit scripts: what is accepted, what the messages say of the rest, and that the published schema is the one in use.

import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { classOf, parseEditScript } from '../../../src/synthesis/edit/script.ts';

const script = {
  version: 1,
  hold: 0.5,
  edits: [
    { type: 'shift', dx: 0.25, dy: -0.5 },
    { type: 'zoom', factor: 10, centre: [0, 1], units: 'all' },
    { type: 'rotate', degrees: -90, units: { concepts: ['0a1b'], sets: ['s1'], units: ['g/layer/1'] } },
    { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1] },
    { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1], source: 'seed:12' },
    { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1], source: 'other.safetensors' },
    { type: 'strengthen', units: { sets: ['s0'] } },
    { type: 'weaken', factor: 0.1, box: [0, 0.25, 1, 0.75] },
    { type: 'erase' },
    { type: 'class', class: 3 },
    { type: 'class', class: 7 },
  ],
};

describe('an edit script', () => {
  it('is read from a value and from text, and nothing is filled in', () => {
    expect(parseEditScript(script)).toEqual(script);
    expect(parseEditScript(JSON.stringify(script))).toEqual(script);
    expect(
      parseEditScript({ version: 1, edits: [{ type: 'erase' }], $schema: 'edit.schema.json' }).hold,
    ).toBeUndefined();
  });

  it('tells the last class', () => {
    expect(classOf(parseEditScript(script))).toBe(7);
    expect(classOf(parseEditScript({ version: 1, edits: [{ type: 'erase' }] }))).toBeUndefined();
  });

  const one = (edit: unknown) => ({ version: 1, edits: [{ type: 'erase' }, edit] });
  const paste = (changes: object) => one({ type: 'copy-paste', from: [0, 0, 1, 1], to: [0, 0, 1, 1], ...changes });
  const wrong: readonly [what: string, script: unknown, message: RegExp][] = [
    [
      'JSON without a bottom',
      `{"version": ${'['.repeat(5000)}${']'.repeat(5000)}}`,
      /is not valid JSON \(nested more than 100 levels deep\)/,
    ],
    ['no JSON', '{"version": 1,', /the edit script is not valid JSON .*"edits": \[\.\.\.\]} is expected/],
    ['no object', [], /the script is \[\], not an object/],
    ['nothing', undefined, /the script is missing, not an object/],
    ['another version', { version: 2, edits: [{ type: 'erase' }] }, /: version is 2, not 1\./],
    ['no version', { edits: [{ type: 'erase' }] }, /the script lacks "version"/],
    ['no edits', { version: 1 }, /the script lacks "edits" \(at least one edit\)/],
    ['an empty list', { version: 1, edits: [] }, /edits is empty \(at least one edit\)/],
    ['an unknown entry', { ...script, holds: 1 }, /the script has the unknown entry "holds"; known are .*hold/],
    ['a negative hold', { ...script, hold: -1 }, /: hold is -1 and must be at least 0 \(weight of the units/],
    ['an edit that is a text', one('erase'), /: edits\[1\] is "erase", not an object\./],
    [
      'an edit without a type',
      one({ dx: 1 }),
      /: edits\[1\] lacks "type", "shift" or "zoom" or "rotate" or "copy-paste"/,
    ],
    [
      'an unknown type',
      one({ type: 'shfit' }),
      /edits\[1\]\.type is "shfit", not "shift" or .* or "class"; did you mean "shift"\?/,
    ],
    ['a type of a number', one({ type: 3 }), /edits\[1\]\.type is 3, not "shift"/],
    ['a missing number', one({ type: 'shift', dx: 0 }), /edits\[1\] lacks "dy" \(fraction of the height/],
    ['a text for a number', one({ type: 'shift', dx: '0', dy: 0 }), /edits\[1\]\.dx is "0", not a number/],
    ['no number', one({ type: 'shift', dx: NaN, dy: 0 }), /edits\[1\]\.dx is NaN, not a number/],
    [
      'a shift out of the image',
      one({ type: 'shift', dx: 1, dy: -1 }),
      /\[1\]\.dx is 1 and must be below 1.*\[1\]\.dy is -1 and/,
    ],
    [
      'an entry of another edit',
      one({ type: 'shift', dx: 0, dy: 0, box: [0, 0, 1, 1] }),
      /edits\[1\] has .* "box"; known are type, dx, dy, units/,
    ],
    [
      'a factor of 0',
      one({ type: 'zoom', factor: 0 }),
      /edits\[1\]\.factor is 0 and must be above 0 \(above 1 enlarges\)/,
    ],
    ['a large factor', one({ type: 'zoom', factor: 10.5 }), /edits\[1\]\.factor is 10\.5 and must be at most 10/],
    [
      'a centre outside',
      one({ type: 'zoom', factor: 1, centre: [0, 2] }),
      /edits\[1\]\.centre\[1\] is 2 and must be at most 1/,
    ],
    [
      'a centre of one number',
      one({ type: 'rotate', degrees: 1, centre: [0] }),
      /edits\[1\]\.centre must have at least 2 entries \(\[x, y\]/,
    ],
    [
      'many degrees',
      one({ type: 'rotate', degrees: 361 }),
      /edits\[1\]\.degrees is 361 and must be at most 360 \(clockwise/,
    ],
    ['a box of three numbers', one({ type: 'erase', box: [0, 0, 1] }), /edits\[1\]\.box must have at least 4 entries/],
    [
      'a box outside',
      one({ type: 'erase', box: [-0.1, 0, 1, 1] }),
      /edits\[1\]\.box\[0\] is -0\.1 and must be at least 0/,
    ],
    [
      'an empty box',
      one({ type: 'erase', box: [0.5, 0, 0.5, 1] }),
      /edits\[1\]\.box is \[0\.5, 0, 0\.5, 1\], which is empty.*x0 < x1/,
    ],
    ['a box upside down', paste({ from: [0, 1, 1, 0] }), /edits\[1\]\.from is \[0, 1, 1, 0\], which is empty/],
    ['a box the wrong way round', paste({ to: [1, 0, 0, 1] }), /edits\[1\]\.to is \[1, 0, 0, 1\], which is empty/],
    [
      'a seed beyond all',
      paste({ source: 'seed:99999999999' }),
      /source is "seed:99999999999": seed:N .* at most 4294967295/,
    ],
    [
      'a class beyond all',
      one({ type: 'class', class: 1e9 }),
      /edits\[1\]\.class is 1000000000 and must be at most 262144/,
    ],
    ['a box of five numbers', one({ type: 'erase', box: [0, 0, 1, 1, 1] }), /edits\[1\]\.box\[4\] is one too many/],
    ['a seed of no number', paste({ source: 'seed:x' }), /edits\[1\]\.source is "seed:x": seed:N with a whole number/],
    ['an empty source', paste({ source: '' }), /edits\[1\]\.source is empty/],
    [
      'a strengthening that weakens',
      one({ type: 'strengthen', factor: 0.5 }),
      /edits\[1\]\.factor is 0\.5 and must be at least 1 \(at least 1/,
    ],
    [
      'a weakening that strengthens',
      one({ type: 'weaken', factor: 2 }),
      /edits\[1\]\.factor is 2 and must be at most 1 \(at most 1/,
    ],
    ['half a class', one({ type: 'class', class: 0.5 }), /edits\[1\]\.class is 0\.5, not a whole number/],
    [
      'a class of some units',
      one({ type: 'class', class: 1, units: 'all' }),
      /edits\[1\] has the unknown entry "units"/,
    ],
    [
      'units of another text',
      one({ type: 'erase', units: 'some' }),
      /edits\[1\]\.units is "some", not "all" or an object/,
    ],
    ['units of a list', one({ type: 'erase', units: ['s1'] }), /edits\[1\]\.units is \["s1"\], not "all" or an object/],
    ['no units', one({ type: 'erase', units: {} }), /edits\[1\]\.units is empty/],
    [
      'units of an unknown kind',
      one({ type: 'erase', units: { set: ['s1'] } }),
      /edits\[1\]\.units has the unknown entry "set"; known are concepts, sets, units/,
    ],
    [
      'a set that is a number',
      one({ type: 'erase', units: { sets: [1] } }),
      /edits\[1\]\.units\.sets\[0\] is 1, not a text/,
    ],
  ];
  it.each(wrong)('with %s is refused', (_, bad, message) => {
    expect(() => parseEditScript(bad)).toThrow(UserError);
    expect(() => parseEditScript(bad)).toThrow(message);
    expect(() => parseEditScript(bad)).toThrow(/(is expected|docs\/edit\.schema\.json has the form)$/);
  });

  it('is called by its name, and every place is named once', () => {
    const bad = { version: 1, edits: [{ type: 'shift', dx: 2 }, { type: 'erase', units: 'none' }, { type: 'zom' }] };
    const message = (() => {
      try {
        parseEditScript(bad, 'edits/cat.json');
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(message).toMatch(/^edits\/cat\.json is no edit script: /);
    expect(message.split('; ').filter((part) => part.includes('edits['))).toHaveLength(4);
    expect(message).not.toMatch(/"then"|"else"|oneOf/);
  });

  it('has a schema in docs that others read alike', () => {
    const published = JSON.parse(
      readFileSync(new URL('../../../docs/edit.schema.json', import.meta.url), 'utf8'),
    ) as object;
    const plain = new Ajv({ strict: false }).compile(published);
    expect(plain(script)).toBe(true);
    expect(plain({ version: 1, edits: [{ type: 'shfit' }] })).toBe(false);
  });
});
