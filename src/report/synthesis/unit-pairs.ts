// Units of a generator with the units that guided them: maps side by side, and how r changed; as cards and as a table.
// What the maps and numbers mean is the caller's.

import { html, type Html } from '../html.ts';

/** A pair of units, and how they agreed on these images. */
export interface Match {
  readonly generatorUnit: string;
  readonly guideUnit: string;
  /** Correlation of the two maps before and after, and that which mining found over many images. */
  readonly r: { readonly before: number; readonly after: number; readonly mined?: number };
  /** Pictures as `data:` URIs, e.g. the guide's map on the photo, the generator's before and after. */
  readonly maps: readonly { readonly caption: string; readonly src: string }[];
}

/** A pair with the ids of its units in the page. */
export interface AnchoredMatch extends Match {
  readonly generatorId: string;
  readonly guideId: string;
}

/**
 * Gives every mention of a unit an id: `unit/<name>` where the page has it first, then `unit/<name>~2` and so on.
 * One function serves one page.
 */
export function anchors(): (pair: Match) => AnchoredMatch {
  const mentions = new Map<string, number>();
  const idOf = (unit: string) => {
    const count = (mentions.get(unit) ?? 0) + 1;
    mentions.set(unit, count);
    // An id must not contain white space.
    return `unit/${unit.replace(/\s/g, '_')}${count > 1 ? `~${count}` : ''}`;
  };
  return (pair) => ({ ...pair, generatorId: idOf(pair.generatorUnit), guideId: idOf(pair.guideUnit) });
}

export const formatR = (r: number, digits = 2): string =>
  Number.isFinite(r)
    ? r
        .toFixed(digits)
        .replace(/^-(?=.*[1-9])/, '\u2212')
        .replace('-', '')
    : '–';

/** Address of an id in the same page. */
const address = (id: string): string => `#${encodeURI(id).replaceAll('#', '%23')}`;

/** Mean r before and after, and how many rose. */
export function matchSummary(pairs: readonly Match[]): string {
  const known = pairs
    .map(({ r }) => r)
    .filter(({ before, after }) => Number.isFinite(before) && Number.isFinite(after));
  if (known.length === 0) return 'No pair has an r both before and after.';
  const mean = (of: 'before' | 'after') => formatR(known.reduce((sum, r) => sum + r[of], 0) / known.length);
  const rose = known.filter(({ before, after }) => after > before).length;
  return `Mean r of the ${known.length} ${known.length === 1 ? 'pair' : 'pairs'} shown: ${mean('before')} before, ${mean('after')} after. ${rose} of ${known.length} rose.`;
}

export const matchLegend = (mined: boolean): Html =>
  html`<p class="legend note">
    <span><i></i>r before</span><span><i class="filled"></i>r after</span>${
      mined && html`<span><i class="tick"></i>r as mined</span>`
    }
  </p>`;

/** @param low left end of the scale of r, whose right end is 1. */
export function matchCard(pair: AnchoredMatch, low: number): Html {
  const { generatorUnit, guideUnit, maps } = pair;
  return html`<section class="match">
    <h4>
      <span><small>generator</small>${unit(generatorUnit, pair.generatorId)}</span
      ><span><small>guide</small>${unit(guideUnit, pair.guideId)}</span>
    </h4>
    <div class="maps">
      ${maps.map(
        ({ caption, src }) =>
          html`<figure>
            <img class="coarse" src="${src}" alt="${caption}: heatmap" />
            <figcaption>${caption}</figcaption>
          </figure>`,
      )}
    </div>
    ${agreement(pair, low)}
  </section> `;
}

/** A link to itself, that may break after the model's name. */
function unit(name: string, id: string): Html {
  const slash = name.indexOf('/') + 1;
  const model = slash > 0 && html`<span class="model">${name.slice(0, slash)}</span><wbr />`;
  return html`<a class="unit" id="${id}" href="${address(id)}" title="Link to this unit"
    >${model}${name.slice(slash)}</a
  >`;
}

function agreement({ r: { before, after, mined } }: Match, low: number): Html {
  const at = (r: number) => `${(((Math.min(Math.max(r, low), 1) - low) / (1 - low)) * 100).toFixed(1)}%`;
  const dot = (r: number, kind: string) =>
    Number.isFinite(r) && html`<circle class="${kind}" cx="${at(r)}" cy="7" r="4" />`;
  const both = Number.isFinite(before) && Number.isFinite(after);
  const text = html`<span>r ${formatR(before)} → <b>${formatR(after)}</b></span>`;
  return html`<div class="agreement">
    <svg aria-hidden="true">
      <line class="track" x1="0" x2="100%" y1="7" y2="7" />
      ${
        low < 0 && html`<line class="zero" x1="${at(0)}" x2="${at(0)}" y1="2" y2="12" />`
      }${both && html`<line class="way" x1="${at(before)}" x2="${at(after)}" y1="7" y2="7" />`}${
        mined !== undefined &&
        Number.isFinite(mined) &&
        html`<line class="mined" x1="${at(mined)}" x2="${at(mined)}" y1="0" y2="14" />`
      }${dot(before, 'before')}${dot(after, 'after')}
    </svg>
    ${text}
  </div>`;
}

/** All pairs as a table, folded; each row leads to its card. */
export function matchTable(pairs: readonly AnchoredMatch[]): Html {
  const mined = pairs.some(({ r }) => r.mined !== undefined);
  const cell = (r: number | undefined) => html`<td class="number">${r === undefined ? '–' : formatR(r, 3)}</td>`;
  return html`<details class="table">
    <summary>As a table</summary>
    <div class="scrolled" role="region" aria-label="Pairs of units" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">Generator</th>
            <th scope="col">Guide</th>
            <th scope="col" class="number">r before</th>
            <th scope="col" class="number">r after</th>
            ${mined && html`<th scope="col" class="number">r as mined</th>`}
          </tr>
        </thead>
        <tbody>
          ${pairs.map(
            (pair) =>
              html`<tr>
                <th scope="row" class="unit"><a href="${address(pair.generatorId)}">${pair.generatorUnit}</a></th>
                <td class="unit">${pair.guideUnit}</td>
                ${cell(pair.r.before)}${cell(pair.r.after)}${mined && cell(pair.r.mined)}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
