// From a dictionary and its exemplars to what a report holds: units as numbers, lists as columns.
// It writes no HTML.

import { UserError } from '../errors.ts';
import type { Dictionary, Exemplars, PairList } from '../mining/run/dictionary.ts';
import type { Quality } from '../zoo/card.ts';
import { base64 } from './blocks.ts';
import { colourTable } from './colours.ts';
import { packExemplars } from './exemplars.ts';
import type { Packed, UnitNumber } from './payload.ts';

/** What a report is made of. */
export interface ReportInput {
  readonly dictionary: Dictionary;
  /** `exemplars/exemplars.json`; without it the page has numbers and names only. */
  readonly exemplars?: Exemplars;
  /** `exemplars/maps.bin`; without it images are shown without heatmaps. */
  readonly maps?: Uint8Array;
  /** Encoded files (WebP, PNG, JPEG) by image id; images that are missing here are named but not shown. */
  readonly images?: ReadonlyMap<string, Uint8Array>;
}

/** Bytes of a block of images or maps: small enough to decode between two frames. */
export const blockBytes = 1 << 18;

const qualityLine = ({ measure, value, untrained }: Quality): string =>
  `${measure}: ${value}${untrained === undefined ? '' : ` (untrained ${untrained})`}`;

/** The main data, and the bytes that do not fit in JSON. */
export interface Parts {
  readonly packed: Packed;
  /** Columns of each pair list, in the order of `packed.pairs`; each is made when it is asked for. */
  readonly pairs: Iterable<Uint8Array>;
  readonly images: readonly Uint8Array[];
  readonly maps: readonly Uint8Array[];
}

/** Six digits are more than the page shows, and half the text. */
const short = (value: number): number => Number(value.toPrecision(6));
const shortOrNull = (value: number | null): number | null => (value === null ? null : short(value));

/** Numbers the units of a dictionary. @throws UserError for a unit that no model has. */
function unitNumbers(dictionary: Dictionary): (name: string, where: string) => UnitNumber {
  const layers = new Map<string, { first: number; channels: number }>();
  let first = 0;
  for (const model of dictionary.models) {
    for (const { layer, channels } of model.layers) {
      layers.set(`${model.name}/${layer}`, { first, channels });
      first += channels;
    }
  }
  return (name, where) => {
    const slash = name.lastIndexOf('/');
    const found = layers.get(name.slice(0, slash));
    const index = Number(name.slice(slash + 1));
    if (found && Number.isInteger(index) && index >= 0 && index < found.channels) return found.first + index;
    throw new UserError(
      `${where} names the unit "${name}", which no model of the dictionary has. ` +
        'The dictionary and the exemplars must come from one run: mine again, or take both from the same folder.',
    );
  };
}

function packPairs(list: PairList, number: (name: string, where: string) => UnitNumber): Uint8Array {
  const n = list.pairs.length;
  const bytes = new Uint8Array(n * 25);
  const view = new DataView(bytes.buffer);
  const where = `The pair list of ${list.models.join(' and ')}`;
  list.pairs.forEach((pair, i) => {
    const at = (column: number) => (column * n + i) * 4;
    view.setUint32(at(0), number(pair.a, where), true);
    view.setUint32(at(1), number(pair.b, where), true);
    view.setFloat32(at(2), pair.r, true);
    view.setFloat32(at(3), pair.rNull ?? NaN, true);
    view.setFloat32(at(4), pair.rHeldOut ?? NaN, true);
    view.setFloat32(at(5), pair.q ?? NaN, true);
    bytes[n * 24 + i] = pair.replications;
  });
  return bytes;
}

/**
 * Packs a run for the page.
 * @throws UserError when parts of the run contradict each other: unknown units, models, sets or images, maps out of range
 */
export function pack(input: ReportInput): Parts {
  const { dictionary, exemplars } = input;
  const number = unitNumbers(dictionary);
  const modelIndex = new Map(dictionary.models.map((model, i) => [model.name, i]));
  const setIndex = new Map(dictionary.sets.map((set, i) => [set.id, i]));

  const find = (index: ReadonlyMap<string, number>, key: string, what: string): number => {
    const found = index.get(key);
    if (found !== undefined) return found;
    throw new UserError(
      `The run names the ${what} "${key}", but does not describe it. Mine again, or take all files from one run.`,
    );
  };

  const shown = packExemplars(
    dictionary,
    exemplars ?? { images: {}, sets: {}, units: {} },
    input.maps,
    input.images ?? new Map<string, Uint8Array>(),
    number,
  );
  const stream = (parts: readonly Uint8Array[], deflated: boolean) => ({
    length: parts.reduce((sum, part) => sum + part.length, 0),
    block: blockBytes,
    deflated,
  });
  const packed: Packed = {
    program: dictionary.program,
    created: dictionary.created,
    score: dictionary.score,
    options: dictionary.options,
    imageSet: dictionary.images,
    models: dictionary.models.map(({ name, role, twinOf, card, units, layers }) => ({
      name,
      role,
      facts: {
        architecture: card.architecture,
        task: card.task,
        supervision: card.supervision,
        data: card.data,
        licence: card.licence,
        source: card.source,
      },
      quality: (card.quality ?? []).map(qualityLine),
      input: 'input' in card ? `${card.input.height} x ${card.input.width}` : `z of ${card.latent.z} numbers`,
      twinOf: twinOf ?? null,
      units,
      layers,
    })),
    pairs: dictionary.pairs.map(({ models, pairs, counts, histogram }) => ({
      models: [find(modelIndex, models[0], 'model'), find(modelIndex, models[1], 'model')],
      rows: pairs.length,
      counts,
      histogram,
    })),
    setCounts: Object.entries(dictionary.setCounts),
    sets: dictionary.sets.map((set) => ({
      id: set.id,
      anchor: set.anchor,
      units: set.units.map((unit) => number(unit, `The Rosetta set ${set.id}`)),
      r: short(set.r),
      excess: shortOrNull(set.excess),
      heldOut: shortOrNull(set.rHeldOut),
      q: shortOrNull(set.q),
      pairwise: set.pairwise.map((r) => (r === null ? null : short(r))),
      images: shown.imagesOf(set.id),
    })),
    concepts: dictionary.concepts.map((concept) => ({
      id: concept.id,
      sets: concept.sets.map((id) => find(setIndex, id, 'set')),
      r: short(concept.r),
    })),
    hasExemplars: exemplars !== undefined,
    images: shown.images,
    maps: shown.maps,
    streams: {
      images: stream(shown.imageBytes, false),
      maps: stream(shown.mapBytes, true),
    },
    colours: base64(colourTable()),
  };
  const pairs = (function* () {
    for (const list of dictionary.pairs) yield packPairs(list, number);
  })();
  return { packed, pairs, images: shown.imageBytes, maps: shown.mapBytes };
}
