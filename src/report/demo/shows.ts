// Inversions, translations and edits on the demo's page: pictures side by side, and a few of the maps behind them.
// All maps and numbers are on the page of each (synthesis/page.ts), to which it leads.

import { html, type Html } from '../html.ts';
import { laidPicture, type SynthesisPage, type SynthesisResult } from '../synthesis/page.ts';
import { formatR, type Match } from '../synthesis/unit-pairs.ts';

export interface Shown {
  readonly part: 'pictures' | 'translated' | 'edited';
  readonly title: string;
  readonly text: string;
  /** The same by hand. */
  readonly command: string;
  /** Address of its own page, relative to this one. */
  readonly address: string;
  readonly page?: SynthesisPage;
  /** Why there is none. */
  readonly missing?: string;
}

const parts = {
  pictures: {
    title: 'Pictures inverted',
    text: 'Drawings that no network has ever seen. Encoders look at a drawing; the generator’s units that are paired with theirs are asked to light at the same places, and the latent that makes them do so is found by following gradients. No network is trained, and no pixel is compared: what you see got across by the units alone.',
  },
  translated: {
    title: 'Samples translated',
    text: 'An image of one generator, looked for in another. The two have never met: their units are only known to mean the same to the encoders that look at the images of both.',
  },
  edited: {
    title: 'Edits',
    text: 'A generated image is changed by changing the maps of its units and searching for the latent that has the changed maps. “Asked for” is the map that the edit wants, “after” what the search found. The samples were picked for this page; the project’s docs/findings.md has edits of samples that were not.',
  },
} as const;

export function shownPart(part: Shown['part'], shows: readonly Shown[]): Html {
  const { title, text } = parts[part];
  return html`<section class="part" id="${part}">
    <h2>${title}</h2>
    <p>${text}</p>
    <div class="shows">${shows.map(laidShow)}</div>
  </section> `;
}

function laidShow({ part, title, text, command, address, page, missing }: Shown, number: number): Html {
  const results = page?.results ?? [];
  return html`<article class="show">
    ${(part === 'edited' || results.length < 2) && html`<h3>${title}</h3>`}${text !== '' && html`<p class="note">${text}</p>`}
    ${missing !== undefined && html`<p class="warning" role="note"><b>Left out</b> <span>${missing}</span></p>`}
    ${results.map((result, i) => laidResult(result, results.length > 1, `${part}-${number}-${i}`))}
    <div class="note by-hand">
      ${page !== undefined && html`<a href="${address}">All maps and numbers</a>`}
      <details>
        <summary>By hand</summary>
        <pre class="command">${command}</pre>
      </details>
    </div>
  </article> `;
}

function laidResult({ name, pictures, pairs, facts, warning }: SynthesisResult, named: boolean, id: string): Html {
  const told = facts.filter(({ label }) => /\br\b|PSNR|distance in strength/.test(label)).slice(0, 3);
  return html`<div class="result-row">
    ${named && html`<h3>${name.replace(/\.\w+$/, '').replaceAll('-', ' ')}</h3>`}
    <div class="side-by-side">
      <div class="pictures">${pictures.map((picture, i) => laidPicture(picture, name, `play-${id}-${i}`))}</div>
      <div class="behind">
        ${fewMaps(pairs).map(
          ({ generatorUnit, maps, r }) =>
            html`<figure>
              <div class="maps">
                ${maps.map(
                  ({ caption, src }) =>
                    html`<figure>
                      <img class="coarse" src="${src}" alt="${`${caption}: heatmap of ${generatorUnit}`}" />
                      <figcaption>${caption}</figcaption>
                    </figure>`,
                )}
              </div>
              <figcaption>
                <span class="unit">${generatorUnit}</span> r ${formatR(r.before)} → ${formatR(r.after)}
              </figcaption>
            </figure>`,
        )}
      </div>
    </div>
    <p class="note">${told.map(({ label, value }, i) => html`${i > 0 && '; '}${label} ${value}`)}</p>
    ${warning !== undefined && html`<p class="warning" role="note"><b>Caution</b> <span>${warning}</span></p>`}
  </div> `;
}

/** The first pair of each of a few layers: pairs of one layer look alike. */
function fewMaps(pairs: readonly Match[]): Match[] {
  const layer = ({ generatorUnit }: Match) => generatorUnit.slice(0, generatorUnit.lastIndexOf('/'));
  return pairs.filter((pair, i) => pairs.findIndex((other) => layer(other) === layer(pair)) === i).slice(0, 3);
}
