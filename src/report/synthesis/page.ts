// Results of inversion, translation or editing as one HTML page that needs no server, no network and no script.
// It computes nothing and encodes no picture: everything that it shows is given.

import { program } from '../../program.ts';
import { html, Html } from '../html.ts';
import { style } from '../page/style.ts';
import { lossCurve, type Curve } from './curve.ts';
import {
  anchors,
  matchCard,
  matchLegend,
  matchSummary,
  matchTable,
  type AnchoredMatch,
  type Match,
} from './unit-pairs.ts';
import { synthesisStyle } from './style.ts';

export type { Curve, Match };

export interface Picture {
  readonly caption: string;
  /** A `data:` URI of an image. */
  readonly src: string;
  /** Pixels of the image. */
  readonly width: number;
  readonly height: number;
  /** A `data:` URI of an animation that takes the picture's place when the reader asks for it. */
  readonly animation?: string;
}

export interface SynthesisResult {
  readonly name: string;
  /** E.g. photo, start, result, way. */
  readonly pictures: readonly Picture[];
  /** Metrics and settings. */
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  /** E.g. that the photo lies outside the generator's domain. */
  readonly warning?: string;
  /** Terms of the loss by step. */
  readonly curves?: readonly Curve[];
  readonly pairs: readonly Match[];
}

export interface SynthesisPage {
  readonly title: string;
  readonly lead: string;
  readonly results: readonly SynthesisResult[];
  readonly notes?: readonly string[];
}

/** Stricter than the report's: there is no script. */
export const contentSecurityPolicy =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** Images of fewer pixels a side are shown with theirs as squares. */
const coarse = 160;

/**
 * The whole page. All texts are shown as text. A unit has the id `unit/<name>` where it is first mentioned.
 * @throws RangeError when a picture is not a `data:` URI of an image.
 */
export function synthesisPage({ title, lead, results, notes = [] }: SynthesisPage): string {
  const anchored = anchors();
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="generator" content="${`${program.name} ${program.version}`}" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${new Html(style + synthesisStyle)}
        </style>
      </head>
      <body>
        <div id="app">
          <header class="masthead">
            <h1>${title}</h1>
            <p class="lead">${lead}</p>
          </header>
          ${results.length > 1 && contents(results)}
          <main>
            ${results.map((result, i) => laidResult(result, i + 1, anchored))}
            ${
              notes.length > 0 &&
              html`<section class="notes">
                <h2>Notes</h2>
                <ul>
                  ${notes.map((note) => html`<li>${note}</li>`)}
                </ul>
              </section>`
            }
          </main>
        </div>
      </body>
    </html> `.text;
}

const contents = (results: readonly SynthesisResult[]): Html =>
  html`<nav aria-label="Results">
    <ul class="contents">
      ${results.map(({ name }, i) => html`<li><a href="#result-${i + 1}">${name}</a></li>`)}
    </ul>
  </nav>`;

function laidResult(result: SynthesisResult, number: number, anchored: ReturnType<typeof anchors>): Html {
  const { name, pictures, facts, warning, curves = [], pairs } = result;
  return html`<article class="result" id="result-${number}" aria-labelledby="result-${number}-name">
    <h2 id="result-${number}-name">${name}</h2>
    ${warning && html`<p class="warning" role="note"><b>Caution</b> <span>${warning}</span></p>`}
    <div class="overview">
      <div class="pictures">${pictures.map((picture, i) => laidPicture(picture, name, `play-${number}-${i + 1}`))}</div>
      <dl class="facts">
        ${facts.map(
          ({ label, value }) =>
            html`<div>
              <dt>${label}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
    </div>
    ${
      curves.length > 0 &&
      html`<h3>Loss by step</h3>
        <div class="curves">${curves.map(lossCurve)}</div>`
    }
    ${pairs.length > 0 && laidPairs(pairs.map(anchored))}
  </article> `;
}

export function laidPicture({ caption, src, width, height, animation }: Picture, name: string, id: string): Html {
  const kind = Math.max(width, height) < coarse && 'coarse';
  const image = (uri: string, alt: string, moving = false) =>
    html`<img
      class="${kind}${moving && ' moving'}"
      src="${inlineImage(uri)}"
      width="${width}"
      height="${height}"
      alt="${alt}"
    />`;
  return html`<figure class="picture">
    <span class="frame"
      >${image(src, `${caption}: ${name}`)}${
        animation !== undefined && image(animation, `${caption}, moving: ${name}`, true)
      }</span
    >
    <figcaption>
      <span>${caption}</span>${
        animation !== undefined &&
        html`<span
          ><input class="play" type="checkbox" id="${id}" /><label for="${id}"
            >Play<span class="unseen"> ${caption}</span></label
          ></span
        >`
      }
    </figcaption>
  </figure> `;
}

function laidPairs(pairs: readonly AnchoredMatch[]): Html {
  for (const { maps } of pairs) maps.forEach(({ src }) => inlineImage(src));
  const numbers = pairs.flatMap(({ r: { before, after, mined = 0 } }) => [before, after, mined]);
  return html`<h3>Units</h3>
    <p class="note">${matchSummary(pairs)}</p>
    ${matchLegend(pairs.some(({ r }) => r.mined !== undefined))}
    <div class="matches">${pairs.map((pair) => matchCard(pair, numbers.some((r) => r < 0) ? -1 : 0))}</div>
    ${pairs.length > 1 && matchTable(pairs)}`;
}

/** @throws RangeError for an address: the page would need what lies there. */
function inlineImage(uri: string): string {
  if (!/^data:image\//.test(uri))
    throw new RangeError(`a picture must be a data: URI of an image, not ${uri.slice(0, 60)}`);
  return uri;
}
