// The page as text: what is in it, that it comes back as it went in, and that nothing in it can break out.
// What a browser makes of it is browser.test.ts.

import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { colourTable } from '../../src/report/colours.ts';
import { reportChunks, reportPage, type ReportInput } from '../../src/report/index.ts';
import { nodePageScript } from '../../src/report/node.ts';
import { contentSecurityPolicy, escapeHtml } from '../../src/report/report.ts';
import { fixture } from './fixture.ts';
import { blockOf, packedOf, streamOf, unitNames } from './read.ts';

const script = await nodePageScript();

describe('the page script', () => {
  it('is the joined modules, without imports and exports', () => {
    expect(script).not.toMatch(/^(import|export)\b/m);
    expect(script).not.toMatch(/<\/script|<!--/i);
    expect(script.length).toBeLessThan(120_000);
  });
});

describe('a page of 2,000 concepts', () => {
  const input = fixture({ concepts: 2000, pairs: 1200, pictures: 200, pictureSize: 48 });
  const chunks = [...reportChunks(input, script)];
  const html = chunks.join('');
  const packed = packedOf(html);

  it('is a little larger than what it holds, in pieces that fit in memory', () => {
    const images = [...input.images!.values()].reduce((sum, file) => sum + file.length, 0);
    // Base64 takes 4 characters for 3 bytes; maps are compressed; JSON and columns come to less than 2.5 MB.
    expect(html.length).toBeLessThan(((images + input.maps!.length) * 4) / 3 + 2.5e6);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(1e6);
  });

  it('loads nothing from elsewhere', () => {
    expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy}">`);
    expect(contentSecurityPolicy).toMatch(
      /^default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'/,
    );
    expect(html).not.toMatch(/\s(src|href)="|url\(|@import/);
  });

  it('names units by numbers that lead back to their names', () => {
    const names = unitNames(packed);
    expect(packed.sets.map((set) => set.units.map((unit) => names[unit]))).toEqual(
      input.dictionary.sets.map((set) => set.units),
    );
    const ids = packed.concepts.map(({ id, sets }) => ({ id, sets: sets.map((set) => packed.sets[set].id) }));
    expect(ids).toEqual(input.dictionary.concepts.map(({ id, sets }) => ({ id, sets })));
  });

  it('keeps the numbers of sets to six digits, and null', () => {
    packed.sets.forEach((set, i) => {
      const original = input.dictionary.sets[i];
      expect(Math.abs(set.r - original.r)).toBeLessThanOrEqual(1e-6);
      expect(set.heldOut === null).toBe(original.rHeldOut === null);
      expect(set.q! / original.q!).toBeCloseTo(1, 5);
    });
  });

  it('keeps every pair, to float32', () => {
    const names = unitNames(packed);
    input.dictionary.pairs.forEach((list, index) => {
      const bytes = blockOf(html, `pairs-${index}`, true);
      const n = list.pairs.length;
      expect(bytes.length).toBe(25 * n);
      const number = (column: number, row: number) => bytes.readFloatLE((column * n + row) * 4);
      const float = (value: number | null) => (value === null ? NaN : Math.fround(value));
      list.pairs.forEach((pair, row) => {
        const got = [
          names[bytes.readUInt32LE(row * 4)],
          names[bytes.readUInt32LE((n + row) * 4)],
          ...[2, 3, 4, 5].map((column) => number(column, row)),
          bytes[24 * n + row],
        ];
        const { a, b, r, rNull, rHeldOut, q, replications } = pair;
        expect(got).toEqual([a, b, float(r), float(rNull), float(rHeldOut), float(q), replications]);
      });
    });
  });

  it('keeps maps and images byte by byte', () => {
    const { images, units } = input.exemplars!;
    const stream = streamOf(html, 'images', false);
    const ids = new Map(Object.entries(images).map(([id, { name }]) => [name, id]));
    expect(packed.images.length).toBe(ids.size);
    for (const { offset, length, name } of packed.images) {
      const file = Buffer.from(input.images!.get(ids.get(name)!)!);
      expect(Buffer.compare(stream.subarray(offset, offset + length), file)).toBe(0);
    }
    const mapStream = streamOf(html, 'maps', true);
    const names = unitNames(packed);
    expect(packed.maps.length).toBe(Object.keys(units).length);
    for (const maps of packed.maps) {
      const original = units[names[maps.unit]];
      expect(maps.images.map((image) => ids.get(packed.images[image].name))).toEqual(original.images);
      const length = original.images.length * original.height * original.width;
      const bytes = Buffer.from(input.maps!.subarray(original.offset, original.offset + length));
      expect(Buffer.compare(mapStream.subarray(maps.offset, maps.offset + length), bytes)).toBe(0);
    }
  });

  it('has what the best concept shows at the start of its streams', () => {
    const best = [...packed.concepts].sort((a, b) => b.r - a.r)[0];
    const { images, units } = packed.sets[best.sets[0]];
    expect(images).toEqual(images.map((_, i) => i));
    expect(packed.maps.slice(0, units.length).map(({ unit }) => unit)).toEqual(units);
  });
});

describe('text from files', () => {
  it('cannot end an element or an attribute', () => {
    expect(escapeHtml(`<a b="c" d='e'>&`)).toBe('&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;');
    const evil = `"><script>alert(1)</script>`;
    const { dictionary } = fixture({ concepts: 3, exemplars: false });
    const hostile = {
      ...dictionary,
      images: { ...dictionary.images, source: evil },
      program: { name: evil, version: evil },
    };
    const html = reportPage({ dictionary: hostile }, script);
    expect(html).not.toContain('alert(1)</script>');
    expect(packedOf(html).imageSet.source).toBe(evil);
  });
});

describe('a run whose parts contradict each other', () => {
  const good = fixture({ concepts: 4, pictures: 12, pictureSize: 8 });
  const page = (change: Partial<ReportInput>) => () => reportPage({ ...good, ...change }, script);
  const { dictionary } = good;

  it('is refused, by the name of what is missing', () => {
    const set = { ...dictionary.sets[0], units: ['resnet20/layer9/3', ...dictionary.sets[0].units.slice(1)] };
    expect(page({ dictionary: { ...dictionary, sets: [set, ...dictionary.sets.slice(1)] } })).toThrow(
      /set s0 names the unit "resnet20\/layer9\/3"/,
    );
    expect(page({ dictionary: { ...dictionary, sets: dictionary.sets.slice(1) } })).toThrow(/names the set "s0"/);
    expect(page({ dictionary: { ...dictionary, models: dictionary.models.slice(1) } })).toThrow(UserError);
    expect(page({ maps: good.maps!.subarray(0, 100) })).toThrow(/maps\.bin ends before the maps of the unit/);
    const images = Object.fromEntries(Object.entries(good.exemplars!.images).filter(([id]) => id !== 'i0'));
    expect(page({ exemplars: { ...good.exemplars!, images } })).toThrow(/names the image "i0"/);
  });

  it('is accepted where something is only absent', () => {
    for (const absent of ['exemplars', 'maps', 'images'] as const) {
      expect(page({ [absent]: undefined })()).toContain('</html>');
    }
  });
});

describe('the colour map', () => {
  it('is matplotlib inferno, from black to pale yellow', () => {
    const table = colourTable();
    const at = (i: number) => '#' + Buffer.from(table.subarray(i * 3, i * 3 + 3)).toString('hex');
    // matplotlib 3.8: to_hex(colormaps['inferno'](i)) for i = 0, 64, 128, 255.
    expect([at(0), at(64), at(128), at(255)]).toEqual(['#000004', '#57106e', '#bc3754', '#fcffa4']);
  });
});
