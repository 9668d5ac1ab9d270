// Pictures for tests: drawn scenes, and a PNG encoder of the plainest kind.
// They look like something, so that a person can judge the page; no network ever sees them.

import { deflateSync } from 'node:zlib';
import type { Dictionary, Exemplars } from '../../src/mining/run/dictionary.ts';
import type { ReportInput } from '../../src/report/index.ts';

/** Uniform numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** CRC-32 of PNG chunks. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

/** An RGB PNG. */
function png(width: number, height: number, pixel: (x: number, y: number) => readonly number[]): Uint8Array {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(pixel(x, y), y * (1 + width * 3) + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ]);
}

/** A thing in a picture, in units of the picture. */
interface Blob {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly colour: readonly number[];
}

/** A drawn scene: sky, ground, and a few round things that the maps can point at. */
function scene(random: () => number): { blobs: Blob[]; pixel: (x: number, y: number) => readonly number[] } {
  const sky = [120 + 90 * random(), 140 + 80 * random(), 170 + 80 * random()];
  const ground = [60 + 100 * random(), 80 + 90 * random(), 40 + 60 * random()];
  const horizon = 0.45 + 0.3 * random();
  const blobs = Array.from({ length: 3 }, () => ({
    x: 0.15 + 0.7 * random(),
    y: 0.2 + 0.6 * random(),
    size: 0.07 + 0.14 * random(),
    colour: [255 * random(), 255 * random(), 255 * random()],
  }));
  const pixel = (x: number, y: number) => {
    const base = y < horizon ? sky : ground;
    const light = 0.8 + 0.35 * (y < horizon ? y / horizon : 1 - (y - horizon));
    const blob = blobs.find((candidate) => (x - candidate.x) ** 2 + (y - candidate.y) ** 2 < candidate.size ** 2);
    const shade = blob ? 1.15 - (y - blob.y + blob.size) / (blob.size * 3) : light;
    return (blob?.colour ?? base).map((value) => Math.max(0, Math.min(255, Math.round(value * shade))));
  };
  return { blobs, pixel };
}

export interface PictureOptions {
  /** Different pictures; sets share them. */
  readonly pictures?: number;
  readonly pictureSize?: number;
  readonly imagesPerSet?: number;
}

/** Pictures and, for every unit of a set, blobs over one of the things in them; in the form that the report takes. */
export function exemplars(
  dictionary: Dictionary,
  options: PictureOptions,
  random: () => number,
): Omit<ReportInput, 'dictionary'> {
  const size = options.pictureSize ?? 96;
  const scenes = Array.from({ length: options.pictures ?? 300 }, () => scene(random));
  const images = new Map(
    scenes.map(({ pixel }, i) => [`i${i}`, png(size, size, (x, y) => pixel((x + 0.5) / size, (y + 0.5) / size))]),
  );
  const perSet = options.imagesPerSet ?? 7;
  const sets: Record<string, string[]> = {};
  const units: Record<string, Exemplars['units'][string]> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  const side = 8;
  // A unit's maps are kept for the images of all sets that it is in.
  const imagesOf = new Map<string, Set<string>>();
  for (const set of dictionary.sets) {
    const first = Math.floor(random() * scenes.length);
    sets[set.id] = Array.from({ length: perSet }, (_, i) => `i${(first + i * 11) % scenes.length}`);
    for (const unit of set.units) imagesOf.set(unit, new Set([...(imagesOf.get(unit) ?? []), ...sets[set.id]]));
  }
  for (const [unit, shown] of imagesOf) {
    for (const image of shown) {
      const { x, y, size: width } = scenes[Number(image.slice(1))].blobs[0];
      const [dx, dy, strength] = [0.06 * (random() - 0.5), 0.06 * (random() - 0.5), 160 + 95 * random()];
      const spread = 2 * (width * 0.8) ** 2;
      const map = Uint8Array.from({ length: side * side }, (_, at) => {
        const [u, v] = [((at % side) + 0.5) / side, (Math.floor(at / side) + 0.5) / side];
        const bump = Math.exp(-((u - x - dx) ** 2 + (v - y - dy) ** 2) / spread);
        return Math.min(255, strength * bump + 20 * random() ** 2);
      });
      parts.push(map);
    }
    units[unit] = { offset, height: side, width: side, images: [...shown], scale: 4 + 2 * random() };
    offset += shown.size * side * side;
  }
  return {
    maps: new Uint8Array(Buffer.concat(parts)),
    images,
    exemplars: {
      images: Object.fromEntries(
        scenes.map((_, i) => [
          `i${i}`,
          { file: `i${i}.png`, name: `test/${String(i).padStart(5, '0')}.png`, width: size, height: size },
        ]),
      ),
      sets,
      units,
    },
  };
}
