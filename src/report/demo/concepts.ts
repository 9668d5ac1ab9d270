// A few concepts as rows of heatmaps, for a page without script: which are shown, and how.
// The report draws its own in the browser (page/setcard.ts).

import type { Concept, Dictionary, Exemplars, RosettaSet } from '../../mining/run/dictionary.ts';
import { parseUnit } from '../../mining/run/units.ts';
import { base64 } from '../blocks.ts';
import { heatmapPixels } from '../heatmap.ts';
import { html, type Html } from '../html.ts';
import { bySignificanceThenExcess } from '../page/standing.ts';
import type { ImageEncoders } from '../synthesis/output.ts';
import { formatR } from '../synthesis/unit-pairs.ts';
import { required, present } from '../../lookup.ts';

export interface ShownConcept {
  readonly id: string;
  readonly anchor: string | null;
  readonly sets: number;
  readonly r: number;
  /** `data:` URIs, best first. */
  readonly images: readonly { readonly name: string; readonly src: string }[];
  /** A map for each image, undefined where there is none. */
  readonly rows: readonly { readonly unit: string; readonly maps: readonly (string | undefined)[] }[];
}

/** Of each anchor; from different layers, so that not all of them are colours and edges. */
const perAnchor = 2;

/** The best concepts of each anchor, the significant first, by their excess over the null; no two of one layer of the anchor. */
function bestConcepts({ concepts, sets, options }: Dictionary): { concept: Concept; set: RosettaSet }[] {
  const byId = new Map(sets.map((set) => [set.id, set]));
  const all = concepts.map((concept) => ({ concept, set: required(byId, concept.sets[0], 'set') }));
  const anchors = options.anchors.length ? options.anchors : [null];
  return anchors.flatMap((anchor) => {
    const own = all.filter(({ set }) => set.anchor === anchor).sort((a, b) => bySignificanceThenExcess(a.set, b.set));
    const layer = ({ set }: (typeof all)[number]) =>
      parseUnit(
        present(
          set.units.find((unit) => anchor === null || parseUnit(unit).model === anchor),
          'unit',
        ),
      ).layer;
    return own.filter((one, i) => own.findIndex((other) => layer(other) === layer(one)) === i).slice(0, perAnchor);
  });
}

/**
 * The best concepts with their pictures.
 * @param maps `exemplars/maps.bin`. @param image a file below `exemplars/`, WebP.
 */
export async function shownConcepts(
  dictionary: Dictionary,
  exemplars: Exemplars | undefined,
  maps: Uint8Array | undefined,
  image: (file: string) => Promise<Uint8Array | undefined>,
  { pixels }: Pick<ImageEncoders, 'pixels'>,
): Promise<ShownConcept[]> {
  const shown: ShownConcept[] = [];
  const shownOn: Pick<Exemplars, 'images' | 'sets'> = exemplars ?? { images: {}, sets: {} };
  for (const { concept, set } of bestConcepts(dictionary)) {
    const ids = shownOn.sets[set.id] ?? [];
    const images: ShownConcept['images'][number][] = [];
    for (const id of ids) {
      const { file, name } = shownOn.images[id];
      const bytes = await image(file);
      images.push({ name, src: bytes ? `data:image/webp;base64,${base64(bytes)}` : '' });
    }
    const rows: ShownConcept['rows'][number][] = [];
    const own = set.units.filter((unit) => parseUnit(unit).model === set.anchor);
    for (const unit of [...own, ...set.units.filter((unit) => !own.includes(unit))]) {
      const found = exemplars?.units[unit];
      const row = ids.map(async (id) => {
        const at = found?.images.indexOf(id) ?? -1;
        if (!found || !maps || at < 0) return undefined;
        const { height, width, offset } = found;
        const map = maps.subarray(offset + at * height * width, offset + (at + 1) * height * width);
        const png = await pixels(heatmapPixels(Float32Array.from(map), height, width, 255), width, height);
        return `data:image/png;base64,${base64(png)}`;
      });
      rows.push({ unit, maps: await Promise.all(row) });
    }
    shown.push({ id: concept.id, anchor: set.anchor, sets: concept.sets.length, r: concept.r, images, rows });
  }
  return shown;
}

/** @param report address of the run's own page. */
export function conceptCards(concepts: readonly ShownConcept[], report: string): Html {
  if (!concepts.length)
    return html`<p class="none">No unit of a generator was chosen by a unit of every other network.</p>`;
  return html`<div class="concepts">${concepts.map((concept) => card(concept, report))}</div>`;
}

function card({ id, anchor, sets, r, images, rows }: ShownConcept, report: string): Html {
  return html`<article class="concept" id="concept-${id}">
    <h3>
      <a class="id" href="${`${report}#concept/${id}`}">${id}</a>
      <small
        >mean r ${formatR(r)}, ${sets} ${sets === 1 ? 'set' : 'sets'}${anchor !== null && html`, of ${anchor}`}</small
      >
    </h3>
    <div class="rows" role="region" aria-label="${`Heatmaps of concept ${id}`}" tabindex="0">
      <table>
        <tbody>
          <tr>
            <th scope="row">image</th>
            ${images.map(({ name, src }) => html`<td>${src !== '' && html`<img src="${src}" alt="${name}" />`}</td>`)}
          </tr>
          ${rows.map(
            ({ unit, maps }) =>
              html`<tr>
                <th scope="row">${unitText(unit)}</th>
                ${maps.map(
                  (src, i) =>
                    html`<td>
                      ${src !== undefined && html`<img class="map" src="${src}" alt="${`${unit} on ${images[i].name}`}" />`}
                    </td>`,
                )}
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
  </article> `;
}

function unitText(name: string): Html {
  const { model, layer, index } = parseUnit(name);
  return html`${model} <span class="unit">${layer}/<wbr />${index}</span>`;
}
