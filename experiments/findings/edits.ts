// The stage of the findings that edits generated images: how far the maps get to where they are told, whether the picture
// follows, and what else changes.

import { UserError } from 'rosetta-neurons';
import { toFloat32 } from 'rosetta-neurons/graph';
import type { Dictionary } from 'rosetta-neurons/mining';
import type { Engine } from 'rosetta-neurons/runtime';
import {
  agreementAt,
  edit,
  moved,
  parseEditScript,
  pasted,
  positionsIn,
  sampleLatents,
  shiftBy,
  unitResolver,
  zoomBy,
  type Box,
  type MapStack,
} from 'rosetta-neurons/synthesis';
import type { Encoder, Generator } from 'rosetta-neurons/zoo';
import type { Run } from './counts.ts';
import {
  editKinds,
  type Change,
  type EditedSample,
  type EditKind,
  type EditsResult,
  type FindingsOptions,
} from './results.ts';
import { classesOf, packed, tell } from './stages.ts';

const middle = [0.5, 0.5] as const;
const from: Box = [0.25, 0.25, 0.75, 0.75];
const to: Box = [0.5, 0, 1, 0.5];

interface Kind {
  readonly told: string;
  /** @param target another class, where the generator has classes. */
  readonly script: (target: number | undefined) => unknown;
  readonly picture?: (stack: MapStack) => MapStack;
  readonly box?: Box;
}

/** Every kind of edit: its script, and what it means for a picture, `[3, height, width]` with the positions that are known. */
export const kinds: Readonly<Record<EditKind, Kind>> = {
  shift: {
    told: 'a quarter of the width to the right',
    script: () => ({ type: 'shift', dx: 0.25, dy: 0 }),
    picture: (stack) => moved(stack, shiftBy(0.25, 0)),
  },
  zoom: {
    told: '1.5 times as large',
    script: () => ({ type: 'zoom', factor: 1.5 }),
    picture: (stack) => moved(stack, zoomBy(1.5, middle)),
  },
  'copy-paste': {
    told: 'the middle half of width and height, into the right upper corner',
    script: () => ({ type: 'copy-paste', from, to }),
    picture: (stack) => pasted(stack, stack, from, to),
    box: to,
  },
  class: {
    told: 'another class, the maps held',
    script: (target) => ({ type: 'class', class: target }),
  },
};

/** Images whose results are shown. */
const shown = 6;
/** Samples that nothing else has seen: those of the run have the seed 0. */
const seed = 7000;

/** What a stage is given that has a result for each generator. */
export interface StageOptions<Result> extends Run {
  readonly engine: Engine;
  readonly generator: Generator;
  readonly encoders: readonly Encoder[];
  readonly judge: Encoder;
  readonly options: FindingsOptions;
  /** What was measured before. */
  readonly done: Result | undefined;
  readonly keep: (partial: Result) => Result;
}

/** Adds the images that are missing to `done`, each time telling `keep`. */
export async function editSamples({
  engine,
  generator,
  judge,
  options,
  dictionary,
  moments,
  done,
  keep,
}: StageOptions<EditsResult>): Promise<EditsResult> {
  const generatorOptions = { truncation: options.truncation };
  const { classes, height, width } = generator.card.latent;
  const none = noUnits(dictionary, generator.name);
  if (none) return keep({ none, seconds: 0, samples: [] });
  const result: EditsResult = done ?? { classes, seconds: 0, samples: [] };
  const sample = (number: number) =>
    sampleLatents(engine, generator, { samples: 1, seed: number, truncation: options.truncation });
  while (result.samples.length < options.edits) {
    const begun = performance.now();
    const i = result.samples.length;
    const latents = await sample(seed + i);
    const own = latents.c && toFloat32(latents.c).indexOf(1);
    const target = classes && own !== undefined ? (own + 1 + (i % (classes - 1))) % classes : undefined;
    const edits: EditedSample = {};
    for (const kind of editKinds) {
      const { script, picture, box } = kinds[kind];
      if (kind === 'class' && !classes) continue;
      const found = await edit({
        engine,
        generator,
        generatorOptions,
        latents,
        dictionary,
        moments,
        script: parseEditScript({ version: 1, edits: [script(target)] }),
        steps: options.steps,
        every: 20,
        onProgress: ({ stage, done, total }) =>
          tell(`${generator.name}: image ${i + 1} of ${options.edits}, ${kind}: ${stage} ${done} of ${total}`),
      });
      const { agreement } = found.targets;
      const other = await agreementAt({
        engine,
        generator,
        generatorOptions,
        latents: await sample(seed + 500 + i),
        groups: agreement,
      });
      const [before, after] = await Promise.all(
        [found.original, found.image].map(async (image) => (await classesOf(engine, judge, image))[0]),
      );
      const moves = picture && picture(stackOf(found.original.data, height, width));
      edits[kind] = {
        // No edit of a class moves a map: all are held.
        before: found.before.edited ?? found.before.held ?? NaN,
        after: found.after.edited ?? found.after.held ?? NaN,
        other: other.reduce((sum, r) => sum + r, 0) / other.length,
        units: other.length,
        named: { before, after, ...(kind === 'class' && { target, own }) },
        changed: changeOf(found.image.data, found.original.data, height, width, box),
        ...(moves && {
          picture: { before: likeness(found.original.data, moves), after: likeness(found.image.data, moves) },
        }),
        ...(i < shown && {
          images: [found.original, ...(kind === 'class' ? [found.started] : []), found.image].map(({ data }) =>
            packed(data),
          ),
        }),
      };
    }
    result.samples.push(edits);
    result.seconds += (performance.now() - begun) / 1000;
    keep(result);
  }
  return result;
}

/** Why a generator has no units to edit, if it has none: also that is a finding. */
function noUnits(dictionary: Dictionary, name: string): string | undefined {
  try {
    unitResolver(dictionary, name);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

const stackOf = (data: Float32Array, height: number, width: number): MapStack => ({
  units: 3,
  height,
  width,
  data,
  coverage: new Float32Array(data.length).fill(1),
});

/** PSNR of an image with a picture, over the positions that are known. */
function likeness(image: Float32Array, { data, coverage }: MapStack): number {
  let [sum, count] = [0, 0];
  data.forEach((value, i) => {
    sum += coverage[i] * (Math.min(Math.max(image[i], 0), 1) - value) ** 2;
    count += coverage[i];
  });
  return -10 * Math.log10(Math.max(sum / count, 1e-10));
}

/** Mean absolute change of pixels, all over, or inside and outside of a box. */
function changeOf(
  image: Float32Array,
  original: Float32Array,
  height: number,
  width: number,
  box: Box | undefined,
): Change {
  const area = height * width;
  const over = (positions: readonly number[]) => {
    let sum = 0;
    for (const p of positions)
      for (let channel = 0; channel < 3; channel++)
        sum += Math.abs(image[channel * area + p] - original[channel * area + p]);
    return sum / (3 * positions.length);
  };
  const all = positionsIn(height, width);
  if (!box) return { all: over(all) };
  const inside = new Set(positionsIn(height, width, box));
  return { all: over(all), inside: over([...inside]), outside: over(all.filter((p) => !inside.has(p))) };
}
