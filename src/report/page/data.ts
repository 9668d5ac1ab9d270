// The data of the report, read from the inert script elements that it came in, as late as possible.
// It draws nothing.

import type {
  Packed,
  PackedConcept,
  PackedMaps,
  PackedPairs,
  PackedSet,
  PackedStream,
  UnitNumber,
} from '../payload.ts';

/** The element of a block, once it has been parsed to its end: the script runs while the file is still loading. */
async function blockElement(id: string): Promise<HTMLElement> {
  for (;;) {
    const loading = document.readyState === 'loading';
    const element = document.getElementById(id);
    if (element && (element.nextSibling || !loading)) return element;
    if (!loading)
      throw new Error(`This page is incomplete: its part "${id}" is missing. Copy or download the file again.`);
    await new Promise(requestAnimationFrame);
  }
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** The bytes of a block, decompressed where they are zlib-compressed. */
export async function readBlock(id: string, deflated: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = fromBase64((await blockElement(id)).textContent ?? '');
  if (!deflated) return bytes;
  if (typeof DecompressionStream === 'undefined') {
    throw new Error('This browser cannot decompress the data. Use one of 2023 or later.');
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A stream of bytes in blocks; keeps the blocks that were used last. */
export class BlockStream {
  readonly #blocks = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #name: string;
  readonly #stream: PackedStream;

  constructor(name: string, stream: PackedStream) {
    this.#name = name;
    this.#stream = stream;
  }

  #block(index: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#blocks.get(index) ?? readBlock(`${this.#name}-${index}`, this.#stream.deflated);
    this.#blocks.delete(index);
    this.#blocks.set(index, bytes);
    const oldest = this.#blocks.keys().next();
    if (this.#blocks.size > 64 && !oldest.done) this.#blocks.delete(oldest.value);
    return bytes;
  }

  /** A copy of `length` bytes from `offset` on. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    const size = this.#stream.block;
    for (let index = Math.floor(offset / size); index * size < offset + length; index++) {
      const block = await this.#block(index);
      const start = index * size;
      const from = Math.max(offset, start);
      bytes.set(block.subarray(from - start, Math.min(offset + length, start + size) - start), from - offset);
    }
    return bytes;
  }
}

export interface UnitParts {
  /** Index of the model. */
  readonly model: number;
  /** Index of the layer in its model. */
  readonly layer: number;
  readonly index: number;
}

/** Names and numbers of units. */
export class Units {
  readonly #layers: { first: number; end: number; model: number; layer: number }[] = [];
  readonly #models: Packed['models'];
  /** Lower-case full names with a closing slash, by number; made at the first search. */
  #searchable: string[] | undefined;

  constructor(models: Packed['models']) {
    this.#models = models;
    let first = 0;
    models.forEach((model, m) =>
      model.layers.forEach(({ channels }, layer) => {
        this.#layers.push({ first, end: first + channels, model: m, layer });
        first += channels;
      }),
    );
  }

  get count(): number {
    return this.#layers.at(-1)?.end ?? 0;
  }

  /** Index of the layer of a unit, counted over all models. */
  layerOf(unit: UnitNumber): number {
    let low = 0;
    let high = this.#layers.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#layers[middle].end <= unit) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  parts(unit: UnitNumber): UnitParts {
    const { model, layer, first } = this.#layers[this.layerOf(unit)];
    return { model, layer, index: unit - first };
  }

  modelName(unit: UnitNumber): string {
    return this.#models[this.parts(unit).model].name;
  }

  /** `layer/index`. */
  shortName(unit: UnitNumber): string {
    const { model, layer, index } = this.parts(unit);
    return `${this.#models[model].layers[layer].layer}/${index}`;
  }

  /** `model/layer/index`. */
  name(unit: UnitNumber): string {
    return `${this.modelName(unit)}/${this.shortName(unit)}`;
  }

  /** Numbers `[first, end)` of the units of a model, or of one of its layers; null for a name that is not there. */
  range(model: string, layer?: string): readonly [number, number] | null {
    const found = this.#layers.filter(
      (entry) =>
        this.#models[entry.model].name === model &&
        (layer === undefined || this.#models[entry.model].layers[entry.layer].layer === layer),
    );
    return found.length > 0 ? [found[0].first, found[found.length - 1].end] : null;
  }

  find(model: string, layer: string, index: number): UnitNumber | null {
    const range = this.range(model, layer);
    return range && Number.isInteger(index) && index >= 0 && range[0] + index < range[1] ? range[0] + index : null;
  }

  /** Which units a search word means, one byte a unit. A word that ends in `/17` means unit (or layer) 17, not 170. */
  matching(word: string): Uint8Array {
    this.#searchable ??= Array.from({ length: this.count }, (_, unit) => `${this.name(unit).toLowerCase()}/`);
    const needle = word.toLowerCase() + (/\/\d+$/.test(word) ? '/' : '');
    return Uint8Array.from(this.#searchable, (name) => (name.includes(needle) ? 1 : 0));
  }
}

/** The pairs of two models, by column. NaN stands for a value that the run does not have. */
export interface PairColumns {
  readonly rows: number;
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly r: Float32Array;
  readonly rNull: Float32Array;
  readonly excess: Float32Array;
  readonly heldOut: Float32Array;
  readonly q: Float32Array;
  readonly replications: Uint8Array;
}

/** The columns in a block `pairs-<index>`; see `PackedPairs`. */
export function pairColumns(bytes: Uint8Array<ArrayBuffer>, rows: number): PairColumns {
  const integers = (column: number) => new Uint32Array(bytes.buffer, column * 4 * rows, rows);
  const floats = (column: number) => new Float32Array(bytes.buffer, column * 4 * rows, rows);
  const [r, rNull] = [floats(2), floats(3)];
  return {
    rows,
    a: integers(0),
    b: integers(1),
    r,
    rNull,
    excess: r.map((value, i) => value - rNull[i]),
    heldOut: floats(4),
    q: floats(5),
    replications: bytes.subarray(24 * rows),
  };
}

/** The report's data, with the indices that the views need. */
export class Report {
  readonly packed: Packed;
  readonly units: Units;
  readonly images: BlockStream;
  readonly maps: BlockStream;
  /** 256 times red, green, blue. */
  readonly colours: Uint8Array;
  readonly #columns = new Map<number, Promise<PairColumns>>();
  readonly #mapsByUnit: ReadonlyMap<UnitNumber, PackedMaps>;
  readonly #conceptsBySet = new Map<number, PackedConcept>();

  constructor(packed: Packed) {
    this.packed = packed;
    this.units = new Units(packed.models);
    this.images = new BlockStream('images', packed.streams.images);
    this.maps = new BlockStream('maps', packed.streams.maps);
    this.colours = fromBase64(packed.colours);
    this.#mapsByUnit = new Map(packed.maps.map((maps) => [maps.unit, maps]));
    for (const concept of packed.concepts) for (const set of concept.sets) this.#conceptsBySet.set(set, concept);
  }

  mapsOf(unit: UnitNumber): PackedMaps | undefined {
    return this.#mapsByUnit.get(unit);
  }

  medoid(concept: PackedConcept): PackedSet {
    return this.packed.sets[concept.sets[0]];
  }

  /** Indices of the models of which a concept has units, ascending: sets of two anchors need not have the same models. */
  modelsOf(concept: PackedConcept): number[] {
    const units = concept.sets.flatMap((set) => this.packed.sets[set].units);
    return [...new Set(units.map((unit) => this.units.parts(unit).model))].sort((a, b) => a - b);
  }

  conceptOf(set: number): PackedConcept | undefined {
    return this.#conceptsBySet.get(set);
  }

  /** Columns of pair list `index`; decoded at the first call. */
  pairs(index: number): Promise<PairColumns> {
    const rows = this.packed.pairs[index].rows;
    let columns = this.#columns.get(index);
    if (!columns) {
      columns = readBlock(`pairs-${index}`, true).then((bytes) => pairColumns(bytes, rows));
      this.#columns.set(index, columns);
    }
    return columns;
  }

  /** Name of a pair list, for people. */
  pairTitle({ models: [a, b] }: PackedPairs): string {
    const { models } = this.packed;
    if (models[b].twinOf === models[a].name) return `${models[a].name} and its untrained twin`;
    return `${models[a].name} and ${models[b].name}${models[b].role === 'twin' ? ' (untrained)' : ''}`;
  }
}

export async function openReport(): Promise<Report> {
  return new Report(JSON.parse(new TextDecoder().decode(await readBlock('data', true))) as Packed);
}
