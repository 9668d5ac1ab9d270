// The demo's page: what it shows, that it shows it as text, and how it behaves in a browser.
// The browser's part needs Chromium at /usr/bin/chromium.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeImage } from '../../../src/images/node.ts';
import { shownConcepts } from '../../../src/report/demo/concepts.ts';
import { demoPage, type DemoPage } from '../../../src/report/demo/page.ts';
import { executablePath, launch, openPage } from '../chromium.ts';
import { fixture } from '../fixture.ts';
import { synthesisFixture } from '../synthesis/fixture.ts';

const worse = '</style></script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">';

const made = fixture({ concepts: 12, pairs: 40, twins: true, pictures: 12, pictureSize: 32 });
const roleOf = new Map(made.dictionary.models.map(({ name, role }) => [name, role]));
const controls = made.dictionary.pairs.filter(({ models: [, b] }) => roleOf.get(b) === 'twin');
/** The fixture correlates twins with all models but their own; here each has its own. */
const run = {
  ...made,
  dictionary: {
    ...made.dictionary,
    pairs: [
      ...made.dictionary.pairs.filter((list) => !controls.includes(list)),
      ...[...roleOf]
        .filter(([, role]) => role === 'zoo')
        .map(([name], i) => ({ ...controls[i], models: [name, `${name}-untrained`] as const })),
    ],
  },
};

async function example(dictionary = run.dictionary): Promise<DemoPage> {
  const { exemplars, maps, images } = run;
  const concepts = await shownConcepts(
    dictionary,
    exemplars,
    maps,
    (file) => {
      const id = Object.keys(exemplars!.images).find((each) => exemplars!.images[each].file === file)!;
      return Promise.resolve(images!.get(id));
    },
    { pixels: (rgb, width, height) => encodeImage(rgb, width, height, 'png') },
  );
  const show = { text: 'What one sees.', command: 'rosetta edit --seed 1', address: 'edited/shift/index.html' };
  return {
    dictionary,
    concepts,
    report: 'run/index.html',
    shows: [
      { ...show, part: 'pictures', title: 'Drawings', page: await synthesisFixture() },
      { ...show, part: 'edited', title: worse, text: worse, command: worse, missing: worse },
    ],
  };
}

/** What the matrix of a page has in the cell of this title. */
const counted = (page: string, title: string): number => {
  const at = page.indexOf(`title="${title}"`);
  return at < 0 ? NaN : Number(/>\s*(\d+)\s*</.exec(page.slice(at))![1]);
};

describe('demoPage', () => {
  it('counts what the dictionary counts', async () => {
    const page = demoPage(await example());
    const { pairs, models } = run.dictionary;
    const twins = new Set(models.filter(({ role }) => role === 'twin').map(({ name }) => name));
    for (const { models: two, counts } of pairs) {
      const [a, b] = two.map((name) => (twins.has(name) ? 'its untrained twin' : name));
      expect(counted(page, `${a} and ${b}`)).toBe(counts.replicated);
    }
    const units = models.filter(({ role }) => role === 'zoo').reduce((sum, model) => sum + model.units, 0);
    expect(page).toMatch(new RegExp(`<dd>${units.toLocaleString('en')}</dd>`));
  });

  it('shows concepts with q < 0.01 before all others, whatever their excess', async () => {
    const [first] = (await example()).concepts;
    const { sets, concepts } = run.dictionary;
    const best = concepts.find(({ id }) => id === first.id)!.sets[0];
    const doubted = sets.map((set) => (set.id === best ? { ...set, q: 0.5 } : set));
    const found = await example({ ...run.dictionary, sets: doubted });
    const [now] = found.concepts.filter(({ anchor }) => anchor === first.anchor);
    expect(now.id).not.toBe(first.id);
  });

  it('shows of each anchor the concepts that agree most beyond chance, of different layers, as the maps have them', async () => {
    const { concepts } = await example();
    const { dictionary, exemplars } = run;
    const sets = new Map(dictionary.sets.map((set) => [set.id, set]));
    const excess = ({ sets: [first] }: { sets: readonly string[] }) => sets.get(first)!.excess!;
    const best = [...dictionary.concepts].sort((a, b) => excess(b) - excess(a))[0];
    expect(concepts[0].id).toBe(best.id);
    const { id, units } = sets.get(best.sets[0])!;
    expect(concepts[0].images).toHaveLength(exemplars!.sets[id].length);
    expect(concepts[0].rows.map(({ unit }) => unit).sort()).toEqual([...units].sort());
    const { unit, maps } = concepts[0].rows[0];
    const { offset, height, width, images } = exemplars!.units[unit];
    const at = images.indexOf(exemplars!.sets[id][0]);
    const bytes = run.maps!.subarray(offset + at * height * width, offset + (at + 1) * height * width);
    const png = Buffer.from(maps[0]!.split(',')[1], 'base64');
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.height, info.width]).toEqual([height, width]);
    // In the colour map of the heatmaps more is brighter: sums of channels have the order of the bytes.
    const sums = Array.from(bytes, (_, i) => data[3 * i] + data[3 * i + 1] + data[3 * i + 2]);
    const brightest = bytes.indexOf(Math.max(...bytes));
    expect(sums[brightest]).toBe(Math.max(...sums));
  });

  it('escapes every text', async () => {
    const page = demoPage(await example());
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toMatch(/ on(?:error|load)="/);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
  });
});

describe.skipIf(!existsSync(executablePath))('in Chromium (needs /usr/bin/chromium)', () => {
  let browser: Browser;
  let folder: string;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rosetta-demo-page-'));
    await writeFile(join(folder, 'index.html'), demoPage(await example()));
    url = pathToFileURL(join(folder, 'index.html')).href;
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  it.each([1280, 390])('asks for nothing, and is not wider than a window of %i pixels', async (width) => {
    const { page, faults } = await openPage(browser, url, { viewport: { width, height: 800 } });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await page.locator('.by-hand summary').first().click();
    expect(await page.locator('.by-hand .command').first().isVisible()).toBe(true);
    expect(await page.evaluate('[...document.images].every((image) => image.complete && image.naturalWidth > 0)')).toBe(
      true,
    );
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
