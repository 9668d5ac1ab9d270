// The page of results: what it shows, that it shows it as text, and how it behaves in a browser.
// The browser's part needs Chromium at /usr/bin/chromium.

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { interpolateInferno } from 'd3-scale-chromatic';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heatmapPixels } from '../../../src/report/heatmap.ts';
import { synthesisPage, type SynthesisPage } from '../../../src/report/synthesis/page.ts';
import { executablePath, launch, openPage } from '../chromium.ts';
import { synthesisFixture } from './fixture.ts';

const pixel = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==';
const worse = '</style></script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">';

/** Every text that a caller gives, as something that a page must not run. */
const hostile: SynthesisPage = {
  title: worse,
  lead: worse,
  notes: [worse],
  results: [worse, `${worse}2`].map((name) => ({
    name,
    warning: worse,
    pictures: [{ caption: worse, src: pixel, width: 1, height: 1, animation: pixel }],
    facts: [{ label: worse, value: worse }],
    curves: [{ name: worse, values: [[0, 1]] }],
    pairs: [0, 1].map(() => ({
      generatorUnit: `g/${worse}`,
      guideUnit: `#50% of "it"/layer 1/3`,
      r: { before: -0.001, after: NaN },
      maps: [{ caption: worse, src: pixel }],
    })),
  })),
};

describe('synthesisPage', () => {
  it('escapes every text', () => {
    const page = synthesisPage(hostile);
    expect(page).not.toMatch(/<script/i);
    expect(page).not.toMatch(/on(?:error|load)="/);
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    expect(page).toContain('&#60;script&#62;window.hacked=1');
    const src = `${pixel}" onload="window.hacked=1`;
    const pictures = [{ caption: '', src, width: 1, height: 1, animation: src }];
    const attributes = synthesisPage({ ...hostile, results: [{ ...hostile.results[0], pictures }] });
    expect(attributes).toContain('&#34; onload=&#34;window.hacked=1"');
    expect(attributes).not.toContain('" onload=');
  });

  it('takes no picture from elsewhere', () => {
    const [result] = hostile.results;
    const page = (change: object) => () => synthesisPage({ ...hostile, results: [{ ...result, ...change }] });
    const picture = { caption: 'a', src: pixel, width: 1, height: 1 };
    for (const src of ['https://example.org/a.png', 'a.png', 'data:text/html,a', 'blob:a']) {
      expect(page({ pictures: [{ ...picture, src }] })).toThrow('data: URI');
      expect(page({ pictures: [{ ...picture, animation: src }] })).toThrow(RangeError);
      expect(page({ pairs: [{ ...result.pairs[0], maps: [{ caption: 'a', src }] }] })).toThrow(RangeError);
    }
  });

  it('sums up the pairs, and leaves out what is not there', () => {
    const pair = (before: number, after: number) => ({ ...hostile.results[0].pairs[0], r: { before, after } });
    const result = { name: 'a', pictures: [], facts: [], pairs: [pair(-0.25, 0.5), pair(0.5, 0.25), pair(NaN, 1)] };
    const page = synthesisPage({ title: 'b', lead: 'c', results: [result] });
    expect(page).toContain('Mean r of the 2 pairs shown: 0.13 before, 0.38 after. 1 of 2 rose.');
    expect(page).toContain('r −0.25 → <b>0.50</b>');
    expect(page).toContain('r – → <b>1.00</b>');
    for (const absent of ['as mined', 'Loss by step', 'class="notes"', 'class="warning"', '<nav']) {
      expect(page).not.toContain(absent);
    }
    expect(synthesisPage({ title: 'b', lead: 'c', results: [] })).toContain('<h1>b</h1>');
  });

  it('draws curves over an axis that contains 0', () => {
    const values = (...list: number[]) => list.map((value, step) => [step, value] as const);
    const curves = [
      { name: 'falls', values: values(4, NaN, 2, 1) },
      { name: 'crosses', values: values(1, -1) },
      { name: 'long', values: values(...Array.from({ length: 5000 }, (_, i) => i)) },
      { name: 'empty', values: [] },
    ];
    const page = synthesisPage({
      title: '',
      lead: '',
      results: [{ name: '', pictures: [], facts: [], curves, pairs: [] }],
    });
    const [falls, crosses, long] = Array.from(page.matchAll(/points="([^"]*)"/g), (found) => found[1]);
    // From 12 (the greatest value) to 72 (the least).
    expect(falls).toBe('0.0,12.0 133.3,42.0 200.0,57.0');
    expect(crosses).toBe('0.0,12.0 200.0,72.0');
    expect(long.split(' ').length).toBeLessThanOrEqual(401);
    expect(long).toMatch(/^0\.0,72\.0 .* 200\.0,12\.0$/);
    expect(page).toContain('falls: 4 at step 0, 1 at step 3');
    expect(page).toContain('no values');
  });
});

describe('heatmapPixels', () => {
  it('goes from the mean to the given number of standard deviations in the colours of the report', () => {
    const map = Float32Array.of(-3, 0, 1, 2.5, 5, 9, NaN, 2);
    const pixels = heatmapPixels(map, 2, 4, 5);
    const hex = Array.from(map, (_, i) => '#' + Buffer.from(pixels.subarray(3 * i, 3 * i + 3)).toString('hex'));
    const colour = (level: number) => interpolateInferno(level / 255);
    expect(hex).toEqual([0, 0, 51, 128, 255, 255, 0, 102].map(colour));
  });

  it('refuses another size and no scale', () => {
    expect(() => heatmapPixels(new Float32Array(5), 2, 3, 1)).toThrow(RangeError);
    expect(() => heatmapPixels(new Float32Array(6), 2, 3, 0)).toThrow(RangeError);
  });
});

describe.skipIf(!existsSync(executablePath))('the page in Chromium (needs /usr/bin/chromium)', () => {
  let browser: Browser;
  let folder: string;
  let made: SynthesisPage;
  let main: string;

  const save = async (name: string, data: SynthesisPage): Promise<string> => {
    const file = join(folder, `${name}.html`);
    await writeFile(file, synthesisPage(data));
    return pathToFileURL(file).href;
  };
  const open = (url: string, options?: BrowserContextOptions) => openPage(browser, url, options);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rosetta-synthesis-'));
    made = await synthesisFixture(7);
    main = await save('main', made);
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  it('shows all pictures and maps without a request, and every image has a text', async () => {
    const { page, faults } = await open(main, { javaScriptEnabled: true });
    const images = await page
      .locator('img')
      .evaluateAll((all) => all.map((image) => [(image as HTMLImageElement).naturalWidth, image.getAttribute('alt')]));
    // Two times four pictures and an animation, and three maps for each of 7 + 3 pairs.
    expect(images).toHaveLength(2 * 5 + 3 * 10);
    for (const [width, alt] of images) {
      expect(width).toBeGreaterThan(0);
      expect(alt).toBeTruthy();
    }
    expect(await page.getByRole('article').count()).toBe(2);
    expect(await page.locator('th:not([scope])').count()).toBe(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('moves nothing before it is asked to, by the keyboard as well', async () => {
    const { page } = await open(main, { reducedMotion: 'reduce' });
    const moving = page.locator('.moving').first();
    expect(await page.locator('.moving:visible').count()).toBe(0);
    await page.getByRole('checkbox', { name: 'Play result' }).first().focus();
    await page.keyboard.press('Space');
    expect(await moving.isVisible()).toBe(true);
    const [still, over] = await page
      .locator('.frame:has(.moving) img')
      .evaluateAll((pair) => pair.slice(0, 2).map((image) => JSON.stringify(image.getBoundingClientRect())));
    expect(over).toBe(still);
    await page.getByText('Play').first().click();
    expect(await moving.isVisible()).toBe(false);
    await page.context().close();
  });

  it('leads to a unit by its address', async () => {
    const { generatorUnit, guideUnit } = made.results[0].pairs[6];
    for (const unit of [generatorUnit, guideUnit]) {
      const { page } = await open(`${main}#unit/${unit}`);
      const target = page.locator(':target');
      expect(await target.textContent()).toBe(unit);
      expect(await target.evaluate((element) => element.getBoundingClientRect().top)).toBeLessThan(900);
      await page.context().close();
    }
    const { page } = await open(main);
    await page.locator('summary').first().click();
    await page
      .locator('.table tbody a')
      .last()
      .evaluate((link) => (link as HTMLElement).click());
    // The units of the second result are those of the first.
    expect(page.url()).toContain(`#unit/${made.results[1].pairs.at(-1)!.generatorUnit}~2`);
    expect(await page.locator('#result-2 .match :target').count()).toBe(1);
    const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    await page.context().close();
  });

  it.each([360, 760, 1280])('fits into %i pixels, with tables unfolded', async (width) => {
    const { page, faults } = await open(main, { viewport: { width, height: 800 } });
    await page.locator('details').evaluateAll((all) => all.forEach((details) => details.setAttribute('open', '')));
    const sticking = await page.evaluate(() => {
      const right = document.documentElement.clientWidth;
      const outside = [...document.querySelectorAll('body *:not(.table *, .unseen)')].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.right > right + 0.5 || box.left < -0.5);
      });
      const cut = [...document.querySelectorAll('h1, h2, h4, h4 a, dd, dt, figcaption, .warning, li')].filter(
        (element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0,
      );
      return [...outside, ...cut].map((element) => element.outerHTML.slice(0, 120));
    });
    expect(sticking).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it('follows the system in light and dark', async () => {
    const background = async (colorScheme: 'light' | 'dark') => {
      const { page } = await open(main, { colorScheme });
      const lightness = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await page.context().close();
      return Number(/oklch\(([\d.]+)/.exec(lightness)![1]);
    };
    expect(await background('light')).toBeGreaterThan(0.9);
    expect(await background('dark')).toBeLessThan(0.3);
  });

  it('runs nothing of what it shows, and finds units whatever their names', async () => {
    const url = await save('hostile', hostile);
    const { page, faults } = await open(url);
    expect(await page.locator('h1').textContent()).toBe(worse);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('script, [onerror], [onload]').count()).toBe(0);
    const guide = page.locator('h4 a', { hasText: '#50%' }).nth(2);
    await guide.click();
    expect(await page.locator(':target').count()).toBe(1);
    expect(await page.locator(':target').getAttribute('id')).toBe('unit/#50%_of_"it"/layer_1/3~3');
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
