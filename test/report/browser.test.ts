// The page in a browser: opened from disk, searched, filtered, linked to, scrolled, and attacked.
// Needs Chromium at /usr/bin/chromium; nothing here measures time.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage, type ReportInput } from '../../src/report/index.ts';
import { nodePageScript } from '../../src/report/node.ts';
import { executablePath, launch, openPage } from './chromium.ts';
import { fixture, withTwoAnchors } from './fixture.ts';

describe.skipIf(!existsSync(executablePath))('the page in Chromium (needs /usr/bin/chromium)', () => {
  const input = fixture({ concepts: 2000, pairs: 1200, twins: true, pictures: 150, pictureSize: 48 });
  const { dictionary } = input;
  const setOf = new Map(dictionary.sets.map((set) => [set.id, set]));
  const medoidOf = (concept: { sets: readonly string[] }) => setOf.get(concept.sets[0])!;
  let browser: Browser;
  let folder: string;
  let script: string;
  let main: string;

  const save = async (name: string, run: ReportInput): Promise<string> => {
    const file = join(folder, `${name}.html`);
    await writeFile(file, reportPage(run, script));
    return pathToFileURL(file).href;
  };

  const open = (url: string, options?: BrowserContextOptions) => openPage(browser, url, options);
  const count = (page: Page) => page.locator('.count').first().textContent();
  const close = (page: Page) => page.context().close();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rosetta-report-'));
    script = await nodePageScript();
    main = await save('main', input);
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  it('shows the best concepts first, with images and heatmaps, without a fault', async () => {
    const { page, faults } = await open(main);
    const significant = dictionary.concepts.filter((concept) => medoidOf(concept).q! < 0.01);
    const best = significant.sort((a, b) => medoidOf(b).r - medoidOf(a).r)[0];
    const card = page.locator('article').first();
    await card.waitFor();
    expect(await card.locator('h3').textContent()).toBe(best.id);
    expect(await count(page)).toBe('2,000 concepts');
    expect(await card.locator('canvas.heat').count()).toBe(4 * 7);
    await page.waitForFunction(() =>
      [...document.querySelectorAll('article:first-of-type canvas.heat')].every((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const pixels = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height).data;
        return width === 96 && pixels.some((value, i) => i % 4 === 3 && value > 100);
      }),
    );
    const loaded = await card
      .locator('img')
      .evaluateAll((images) => images.map((image) => (image as HTMLImageElement).naturalWidth));
    expect(loaded).toEqual(new Array(35).fill(48));
    expect(faults).toEqual([]);
    await close(page);
  });

  it('searches as the reader types, and keeps the search in the address', async () => {
    const { page, faults } = await open(main);
    const [, layer, index] = /^[^/]+\/(.*)\/(\d+)$/.exec(dictionary.sets[40].units[3])!;
    const word = `${layer}/${index}`;
    const expected = dictionary.concepts.filter(({ sets }) =>
      sets.some((id) => setOf.get(id)!.units.some((unit) => unit.endsWith(`/${word}`))),
    ).length;
    await page.keyboard.press('/');
    await page.keyboard.type(word);
    await page.waitForFunction((hash) => location.hash === hash, `#concepts?text=${encodeURIComponent(word)}`);
    expect(await count(page)).toBe(`${expected} of 2,000 concepts`);
    expect(expected).toBeGreaterThan(0);
    const { page: again } = await open(page.url());
    await again.locator('article').first().waitFor();
    expect(await count(again)).toBe(`${expected} of 2,000 concepts`);
    expect(await again.locator('input[type="search"]').inputValue()).toBe(word);
    expect(faults).toEqual([]);
    await close(again);
    await close(page);
  });

  it('filters, sorts, and comes back to the same place from a concept', async () => {
    const { page, faults } = await open(main);
    await page.locator('input[name="r"]').fill('0.75');
    await page.locator('select[name="sort"]').selectOption('size');
    const expected = dictionary.concepts.filter((concept) => medoidOf(concept).r >= 0.75);
    expect(await count(page)).toBe(`${expected.length} of 2,000 concepts`);
    const largest = Math.max(...expected.map(({ sets }) => sets.length));
    const card = page.locator('article').first();
    await card.locator('summary').click();
    await card.locator('.others li b').first().waitFor();
    expect(await card.locator('.others li b').count()).toBe(largest - 1);

    await page.evaluate(() => scrollTo(0, 6000));
    // The first card is still there: it has the focus.
    await page.waitForFunction(
      () => Number([...document.querySelectorAll('article')].at(-1)?.getAttribute('aria-posinset')) > 5,
    );
    const top = await page.evaluate(() => scrollY);
    const link = page.locator('article h3 a').last();
    const id = (await link.textContent())!;
    await link.evaluate((element) => (element as HTMLElement).click());
    await page.waitForFunction((hash) => location.hash === hash, `#concept/${id}`);
    expect(await page.locator('h2').first().textContent()).toBe(`Concept ${id}`);
    const start = await page.evaluate(() => document.querySelector('main')!.getBoundingClientRect().top);
    expect(start).toBeGreaterThan(20);
    expect(start).toBeLessThan(100);
    await page.goBack();
    await page.waitForFunction((y) => Math.abs(scrollY - y) < 2, top);
    expect(page.url()).toContain('#concepts?r=0.75&sort=size');
    expect(await count(page)).toBe(`${expected.length} of 2,000 concepts`);
    expect(await page.locator('input[name="r"]').inputValue()).toBe('0.75');
    expect(faults).toEqual([]);
    await close(page);
  });

  it('opens a unit by its address, with all its pairs and sets', async () => {
    const unit = dictionary.sets[11].units[1];
    const pairs = dictionary.pairs.flatMap((list) => list.pairs.filter(({ a, b }) => a === unit || b === unit));
    const sets = dictionary.sets.filter(({ units }) => units.includes(unit));
    const { page, faults } = await open(`${main}#unit/${unit}`);
    await page.locator('table.pairs tbody tr').first().waitFor();
    expect(await page.locator('h2').first().textContent()).toBe(`Unit ${unit}`);
    expect(await page.locator('table.pairs tbody tr').count()).toBe(pairs.length);
    const shown = await page.locator('table.pairs tbody td[data-name="r"]').allTextContents();
    expect(shown).toEqual(
      pairs
        .map(({ r }) => r)
        .sort((x, y) => y - x)
        .map((r) => r.toFixed(3)),
    );
    expect(await page.locator('article').count()).toBe(Math.min(6, sets.length));
    expect(faults).toEqual([]);

    await page.evaluate(() => (location.hash = '#unit/resnet20/layer1/999'));
    await page.getByText('No such unit').first().waitFor();
    await close(page);
  });

  it('keeps the document small, however far one scrolls', async () => {
    const { page, faults } = await open(main);
    await page.locator('article').first().waitFor();
    let most = 0;
    for (let step = 0; step < 15; step++) {
      await page.evaluate(() => scrollBy(0, 70_000));
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      most = Math.max(most, await page.evaluate(() => document.querySelectorAll('*').length));
    }
    expect(most).toBeLessThan(3000);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('article[aria-posinset="2000"]').waitFor();
    expect(faults).toEqual([]);
    await close(page);
  });

  it('counts pairs by layers, and leads from a count to its pairs', async () => {
    const { page, faults } = await open(`${main}#charts?of=resnet20&with=ddpm-unet&only=replicated`);
    const cell = page.locator('.matrix a[aria-label^="layer3 and mid"]');
    await cell.waitFor();
    const list = dictionary.pairs.find(({ models }) => models[0] === 'resnet20' && models[1] === 'ddpm-unet')!;
    const expected = list.pairs.filter(
      ({ a, b, q, replications }) =>
        a.startsWith('resnet20/layer3/') && b.startsWith('ddpm-unet/mid/') && q! < 0.01 && replications === 2,
    );
    expect(await cell.textContent()).toBe(String(expected.length));
    await cell.click();
    await page.locator('table.pairs tbody a').first().waitFor();
    expect(await count(page)).toContain(`${expected.length} of 1,200 pairs`);
    const shown = await page.locator('table.pairs tbody td[data-name="r"]').first().textContent();
    expect(shown).toBe(Math.max(...expected.map(({ r }) => r)).toFixed(3));
    await page.locator('[data-sort="q"]').click();
    await page.waitForFunction(() => location.hash.includes('sort=q'));
    expect(await page.locator('th[aria-sort="ascending"]').textContent()).toBe('q');
    expect(faults).toEqual([]);
    await close(page);
  });

  it('follows the system in light and dark, and the reader against it', async () => {
    const { page, faults } = await open(main, { colorScheme: 'dark' });
    const lightness = () =>
      page.evaluate(() => {
        const context = document.createElement('canvas').getContext('2d')!;
        context.fillStyle = getComputedStyle(document.body).backgroundColor;
        context.fillRect(0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data[1];
      });
    await page.locator('article').first().waitFor();
    expect(await lightness()).toBeLessThan(60);
    await page.getByRole('button', { name: 'Light theme' }).click();
    expect(await lightness()).toBeGreaterThan(230);
    expect(faults).toEqual([]);
    await close(page);
  });

  it('shows maps alone or not at all, and keeps that in the address', async () => {
    const { page, faults } = await open(`${main}#concepts?map=map`);
    const alpha = () =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('canvas.heat');
        return canvas?.width === 96 ? canvas.getContext('2d')!.getImageData(0, 0, 1, 1).data[3] : -1;
      });
    await expect.poll(alpha).toBe(255);
    await page.getByText('Overlay', { exact: true }).click();
    await expect.poll(alpha).toBeLessThan(200);
    await page.getByText('Image', { exact: true }).first().click();
    expect(await page.locator('canvas.heat').first().isVisible()).toBe(false);
    await page.waitForFunction(() => location.hash === '#concepts?map=image');
    expect(faults).toEqual([]);
    await close(page);
  });

  it('fits a narrow window in every view', async () => {
    const { page, faults } = await open(main, { viewport: { width: 400, height: 800 } });
    const concept = dictionary.concepts[3];
    for (const hash of ['concepts', 'pairs', 'charts', `concept/${concept.id}`, `unit/${medoidOf(concept).units[2]}`]) {
      await page.evaluate((value) => (location.hash = value), hash);
      await page.waitForFunction((name) => document.documentElement.dataset.view === name, hash.split('/')[0]);
      await page.waitForTimeout(200);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, hash).toBeLessThanOrEqual(0);
    }
    expect(faults).toEqual([]);
    await close(page);
  });

  it('shows names from files as text, whatever they are', async () => {
    const evil = '<img src=x onerror="window.hacked=1">';
    const worse = '</script><script>window.hacked=1</script>';
    const small = fixture({ concepts: 5, pictures: 20, pictureSize: 16 });
    const renamed = (value: unknown) =>
      JSON.parse(
        JSON.stringify(value, (key: string, part: unknown) => (key === 'licence' || key === 'source' ? worse : part))
          .replaceAll('resnet20', JSON.stringify(evil.replaceAll('/', '')).slice(1, -1))
          .replaceAll('layer3', worse)
          .replaceAll('test/', evil.replaceAll('"', "'")),
      ) as unknown;
    const hostile = {
      ...small,
      dictionary: renamed(small.dictionary),
      exemplars: renamed(small.exemplars),
    } as ReportInput;
    const { page, faults } = await open(await save('hostile', hostile));
    await page.locator('article').first().waitFor();
    expect(await page.locator('h1 ~ p, .masthead').first().textContent()).toContain('onerror');
    for (const details of await page.locator('.folds summary').all()) await details.click();
    for (const hash of ['#pairs', '#charts', `#unit/${encodeURIComponent(evil)}/${encodeURIComponent(worse)}/3`]) {
      await page.evaluate((value) => (location.hash = value), hash);
      await page.waitForTimeout(150);
    }
    expect(await page.locator('h2').first().textContent()).toBe(`Unit ${evil}/${worse}/3`);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('img[onerror], a[href^="javascript"]').count()).toBe(0);
    expect(faults).toEqual([]);
    await close(page);
  });

  it('shows sets of several anchors with the models that they have', async () => {
    const run = withTwoAnchors(fixture({ concepts: 12, pictures: 20, pictureSize: 16 }), ['resnet20', 'ddpm-unet']);
    const { sets, concepts } = run.dictionary;
    const { page, faults } = await open(await save('anchors', run));
    await page.locator('article').first().waitFor();
    const title = await page.locator('.figures div', { hasText: 'Sets' }).first().getAttribute('title');
    expect(title).toContain('Rosetta sets around units of resnet20, ddpm-unet');
    for (const anchor of ['resnet20', 'ddpm-unet']) {
      const { id, sets: members } = concepts.find(
        (concept) => sets[Number(concept.sets[0].slice(1))].anchor === anchor,
      )!;
      const medoid = sets[Number(members[0].slice(1))];
      await page.evaluate((value) => (location.hash = value), `#concept/${id}`);
      await page.waitForFunction((text) => document.querySelector('h2 .id')?.textContent === text, id);
      const card = page.locator('.set-card').first();
      expect(await card.locator('.unit-label .model').allTextContents()).toEqual(
        medoid.units.map((unit) => unit.split('/')[0]),
      );
      expect(await card.textContent()).toContain(`Around the unit of ${anchor}`);
      expect(await card.locator('canvas.heat').count()).toBe(3 * 7);
      expect(await card.locator('table.pairwise td[title*="r ="]').allTextContents()).toEqual(
        medoid.pairwise.map((r) => r!.toFixed(2).replace('0.', '.')),
      );
    }
    expect(faults).toEqual([]);
    await close(page);
  });

  it('says why there is nothing where there is nothing', async () => {
    const none = await open(await save('none', fixture({ concepts: 0, models: 8, exemplars: false })));
    await none.page.getByText('No concepts. There are pairs of units, but no Rosetta set').waitFor();
    const bare = await open(
      await save('bare', fixture({ concepts: 30, models: 2, exemplars: false, nullModel: false })),
    );
    await bare.page.locator('article').first().waitFor();
    expect(await count(bare.page)).toContain('made without example images');
    expect(await bare.page.locator('.numbers dd').nth(3).textContent()).toBe('–');
    await bare.page.evaluate(() => (location.hash = '#pairs'));
    await bare.page.getByText('without a null in this run').waitFor();
    const { exemplars: _exemplars, ...rest } = fixture({ concepts: 3, pictures: 9, pictureSize: 8 });
    const noMaps = await open(await save('nomaps', { ...rest, exemplars: _exemplars, maps: undefined }));
    await noMaps.page.locator('article img').first().waitFor();
    expect(await noMaps.page.locator('canvas.heat').count()).toBe(0);
    expect([...none.faults, ...bare.faults, ...noMaps.faults]).toEqual([]);
    for (const { page } of [none, bare, noMaps]) await close(page);
  });
});
