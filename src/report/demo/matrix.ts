// The networks of a dictionary, and how many pairs each two of them share: a table and a matrix for the demo's page.
// The report's own charts are drawn in the browser (page/matrix.ts); these need no script.

import type { Dictionary, DictionaryModel, PairList } from '../../mining/run/dictionary.ts';
import { html, type Html } from '../html.ts';

export const modelTable = (models: readonly DictionaryModel[]): Html =>
  html`<div class="scrolled" role="region" aria-label="Networks" tabindex="0">
    <table class="controls">
      <thead>
        <tr>
          <th scope="col">Network</th>
          <th scope="col">Task</th>
          <th scope="col">Learned from</th>
          <th scope="col" class="number">Units</th>
        </tr>
      </thead>
      <tbody>
        ${models.map(
          ({ name, card, units }) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td>${card.task ?? '–'}</td>
              <td>${[card.supervision, card.data].filter(Boolean).join(', ') || '–'}</td>
              <td class="number">${units}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;

/** What a cell tells: pairs that survive the controls, or all where there are none. */
const counted = ({ options }: Dictionary) => (options.nullModel ? 'replicated' : 'pairs');

const mean = (lists: readonly PairList[], of: keyof PairList['counts']): number =>
  lists.reduce((sum, { counts }) => sum + counts[of], 0) / Math.max(lists.length, 1);

const twinsOf = ({ models }: Dictionary): ReadonlySet<string> =>
  new Set(models.filter(({ role }) => role === 'twin').map(({ name }) => name));

/** Pairs of trained networks against those with untrained twins, and what chance would give. */
export function pairSentence(dictionary: Dictionary): Html {
  const twins = twinsOf(dictionary);
  const isControl = ({ models }: PairList) => models.some((name) => twins.has(name));
  const [trained, controls] = [dictionary.pairs.filter((list) => !isControl(list)), dictionary.pairs.filter(isControl)];
  const what = counted(dictionary);
  const count = (lists: readonly PairList[], of: keyof PairList['counts'] = what) =>
    html`<b>${mean(lists, of).toFixed(0)}</b>`;
  return html`${
    what === 'replicated' &&
    html`Noise alone would give ${count(trained, 'expectedOfNoise')} pairs for two networks, so a pair by itself proves
    nothing. The pairs counted here agree far better than under the null, where each image’s maps meet another image’s
    (q below 0.01), and both halves of the images choose them. `
  }On
  average two networks share ${count(trained)} of
  them${
    controls.length > 0 &&
    html`; a network and its untrained twin, the same architecture with fresh weights, share ${count(controls)}`
  }.`;
}

export function pairMatrix(dictionary: Dictionary): Html {
  const twins = twinsOf(dictionary);
  const names = dictionary.models.filter(({ role }) => role === 'zoo').map(({ name }) => name);
  const what = counted(dictionary);
  const counts = new Map(dictionary.pairs.map(({ models, counts: all }) => [models.join(' '), all[what]]));
  const between = (a: string, b: string) => counts.get(`${a} ${b}`) ?? counts.get(`${b} ${a}`);
  const twin = (name: string) => dictionary.pairs.find(({ models }) => models[0] === name && twins.has(models[1]));
  const most = Math.max(1, ...counts.values());
  const cell = (count: number | undefined, title: string) =>
    count === undefined
      ? html`<td></td>`
      : html`<td class="shade" style="--share: ${(count / most).toFixed(3)}" title="${title}">${count}</td>`;
  const head = (name: string) => html`<th scope="col"><span>${name}</span></th>`;
  return html`<div class="matrix" role="region" aria-label="Pairs of units" tabindex="0">
    <table>
      <caption>
        Pairs of units that two networks share. Two generators make different images and are not compared.
      </caption>
      <thead>
        <tr>
          <td></td>
          ${names.map(head)}${twins.size > 0 && head('untrained twin')}
        </tr>
      </thead>
      <tbody>
        ${names.map(
          (a) =>
            html`<tr>
              <th scope="row">${a}</th>
              ${names.map((b) => cell(a === b ? undefined : between(a, b), `${a} and ${b}`))}${
                twins.size > 0 && cell(twin(a)?.counts[what], `${a} and its untrained twin`)
              }
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
