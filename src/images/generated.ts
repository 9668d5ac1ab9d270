// The samples of a generator as an image source: latents by number, drawn by a counter, never stored.
// The images are made inside the graph of those who look at them; nothing is computed here.

import { UserError } from '../errors.ts';
import { required } from '../lookup.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { normalAt, randomAt } from '../random.ts';
import type { BuiltGenerator, Generator, GeneratorInput } from '../zoo/model.ts';
import { checkTruncation } from '../zoo/network.ts';
import type { ImageBatch, ImageSource, AddedSamples } from './source.ts';

export interface GeneratedOptions {
  /** Number of samples. */
  readonly samples: number;
  /** A whole number; sample i is a pure function of (generator, seed, i). Default 0. */
  readonly seed?: number;
  /** Default: that of the generator's card. */
  readonly truncation?: number;
  /** Classes to draw from, evenly; default all. Only for generators with classes. */
  readonly classes?: readonly number[];
  /** Noise of StyleGAN2: the buffers of the file (default), or none. */
  readonly noise?: 'const' | 'none';
}

/** Keep what is drawn here apart from what else is drawn with the same seed. Each attempt at z has a stream of its own. */
const classStream = 0x636c6173;
const latentStream = 0x7a000000;
/** Where a truncated normal distribution ends, in standard deviations. */
const bound = 2;

/**
 * Samples of a generator. For cards with `sampling: 'truncated'` z is normal, drawn again beyond two standard deviations, and
 * multiplied by the truncation, as BigGAN's authors do; for others z is normal and the truncation is the network's.
 * @throws UserError for a truncation out of range, a class that is not one, or classes where there are none.
 */
export function generatedSource(
  generator: Generator,
  options: GeneratedOptions,
): ImageSource & Required<Pick<ImageSource, 'generated'>> {
  const { name, card } = generator;
  const { latent } = card;
  const { samples, seed = 0, truncation = latent.truncation.default, noise = 'const' } = options;
  if (!Number.isInteger(samples) || samples < 1)
    throw new UserError(`the number of samples must be a whole number of at least 1, not ${samples}`);
  if (!Number.isSafeInteger(seed)) throw new UserError(`the seed must be a whole number, not ${seed}`);
  checkTruncation(card, truncation);
  const classes = latent.classes ? (options.classes ?? range(latent.classes)) : undefined;
  checkClasses(generator, options.classes);

  const scale = latent.sampling === 'truncated' ? truncation : 1;
  const classOf = (i: number) => classes?.[Math.floor(randomAt(seed, i, classStream) * classes.length)];
  const writeZ = (i: number, out: Float32Array, at: number): void => {
    for (let e = 0; e < latent.z; e++) {
      let stream = latentStream;
      let value = normalAt(seed, i * latent.z + e, stream);
      while (latent.sampling === 'truncated' && Math.abs(value) > bound) {
        value = normalAt(seed, i * latent.z + e, ++stream);
      }
      out[at + e] = value * scale;
    }
  };
  const length = latent.z + latent.classes;
  return {
    source: name,
    names: range(samples).map((i) => {
      const label = classOf(i);
      return `${name}/${i}${label === undefined ? '' : `/class-${label}`}`;
    }),
    height: latent.height,
    width: latent.width,
    unreadable: [],
    async *batches(indices, size): AsyncGenerator<ImageBatch> {
      for (let start = 0; start < indices.length; start += size) {
        const chosen = indices.slice(start, start + size);
        const data = new Float32Array(chosen.length * length);
        chosen.forEach((i, row) => {
          writeZ(i, data, row * length);
          const label = classOf(i);
          if (label !== undefined) data[row * length + latent.z + label] = 1;
        });
        // Nothing is waited for, but those who take batches wait for them.
        yield await Promise.resolve({ indices: chosen, data });
      }
    },
    generated: {
      generator,
      shape: [length],
      recipe: { generator: name, seed, truncation, classes: classes ?? null, noise },
      addTo: (b, rows) => addGenerated(b, generator, rows, { truncation, noise }),
      latents(indices) {
        const z = new Float32Array(indices.length * latent.z);
        indices.forEach((i, row) => writeZ(i, z, row * latent.z));
        return { z, classes: indices.map(classOf) };
      },
    },
  };
}

/** @param rows `[n, z + classes]` */
function addGenerated(
  b: GraphBuilder,
  generator: Generator,
  rows: Value,
  options: { truncation: number; noise: 'const' | 'none' },
): AddedSamples {
  const { z: length, classes } = generator.card.latent;
  const columns = (from: number, to: number) => b.slice(rows, { axes: [1], starts: [from], ends: [to] });
  const z = columns(0, length);
  const input: GeneratorInput = classes ? { z, c: columns(length, length + classes) } : { z };
  const built = generator.addTo(b, input, options);
  const twins = new Map<string, BuiltGenerator>();
  return {
    images: built.images,
    maps(model) {
      if (model.name === generator.name) return built.taps;
      if (model.twinOf !== generator.name) return undefined;
      // The twin makes images of its own of the same latents; only its maps are looked at.
      if (!twins.has(model.name)) twins.set(model.name, model.addTo(b, input, options));
      return required(twins, model.name, 'entry').taps;
    },
  };
}

/** @throws UserError */
export function checkClasses({ name, card }: Generator, classes: readonly number[] | undefined): void {
  if (!classes) return;
  const count = card.latent.classes;
  if (!count) throw new UserError(`${name} has no classes; leave --classes out`);
  if (!classes.length)
    throw new UserError(`no class of ${name} is named; give numbers from 0 to ${count - 1}, or "all"`);
  const wrong = classes.find((c) => !Number.isInteger(c) || c < 0 || c >= count);
  if (wrong !== undefined) throw new UserError(`${name} has no class ${wrong}: its classes are 0 to ${count - 1}`);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
