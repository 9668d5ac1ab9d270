// The report as one HTML file that needs no server and no network: skeleton, style, script and data, in chunks.
// It does not write the file, and it draws nothing: that happens in page/, in the reader's browser.

import { block, blocks } from './blocks.ts';
import { blockBytes, pack, type ReportInput } from './pack.ts';
import { style } from './page/style.ts';
import type { Packed } from './payload.ts';

/** What the page may load: nothing from elsewhere. Images come from the page itself, as `blob:` addresses. */
export const contentSecurityPolicy =
  "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Text as HTML, for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function head(packed: Packed): string {
  const zoo = packed.models.filter((model) => model.role === 'zoo');
  const names = escapeHtml(zoo.map((model) => model.name).join(', '));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${escapeHtml(`${packed.program.name} ${packed.program.version}`)}">
<meta name="color-scheme" content="light dark">
<title>Rosetta neurons: ${names}</title>
<style>${style}</style>
</head>
<body>
<div id="app">
<header class="masthead">
<h1>Rosetta neurons</h1>
<p class="lead">${packed.concepts.length} concepts shared by ${names}, from ${packed.imageSet.count} images of ${escapeHtml(packed.imageSet.source)}.</p>
<noscript><p>This page needs JavaScript to show them. It loads nothing from the network.</p></noscript>
</header>
</div>
`;
}

/**
 * The report, piece by piece: written to a file in this order they are `index.html`. No more than one block of images or
 * maps is held as text at a time.
 * @param script from `nodePageScript()`, or from `pageScript` in a browser
 * @throws UserError when the parts of the run contradict each other
 */
export function* reportChunks(input: ReportInput, script: string): Generator<string, void, undefined> {
  const { packed, pairs, images, maps } = pack(input);
  yield head(packed);
  yield block('data', new TextEncoder().encode(JSON.stringify(packed)), true);
  // It runs as soon as it is read: the first concepts are on screen while a large file is still loading.
  yield `<script type="module" async>\n${script}\n</script>\n`;
  yield* blocks('maps', maps, blockBytes, true);
  yield* blocks('images', images, blockBytes, false);
  let index = 0;
  for (const columns of pairs) yield block(`pairs-${index++}`, columns, true);
  yield '</body>\n</html>\n';
}

/** The whole report as one text; for small ones. See `reportChunks`. */
export const reportPage = (input: ReportInput, script: string): string => [...reportChunks(input, script)].join('');
