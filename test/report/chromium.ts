// A headless Chromium, and pages opened in it under watch.
// For tests only; it does not look for other browsers.

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

export const executablePath = '/usr/bin/chromium';

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launch = (): Promise<Browser> => chromium.launch({ executablePath, args });

/** Opens a page; `faults` collects errors, console messages and requests for anything but the page and its blobs. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A hint on the test's own reading of canvases is no fault.
    if (!message.text().startsWith('Canvas2D: Multiple readback')) faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!/^(file|blob):/.test(request.url())) faults.push(request.url());
  });
  await page.goto(url);
  return { page, faults };
}
