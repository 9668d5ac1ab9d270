// The stage of the findings that edits generated images: how far the maps get to where they are told, whether the picture
// follows, and what else changes.

import { UserError } from 'rosetta-neurons';
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
} from 'rosetta-neurons/synthesis';
import { classesOf, packed, tell } from './stages.mjs';

const middle = [0.5, 0.5];
const [from, to] = [
  [0.25, 0.25, 0.75, 0.75],
  [0.5, 0, 1, 0.5],
];

/** Every kind of edit: its script, and what it means for a picture, `[3, height, width]` with the positions that are known. */
export const kinds = {
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

/** Adds the images that are missing to `done`, each time telling `keep`. */
export async function editSamples({ engine, generator, judge, options, dictionary, moments, done, keep }) {
  const generatorOptions = { truncation: options.truncation };
  const { classes, height, width } = generator.card.latent;
  const none = noUnits(dictionary, generator.name);
  if (none) return keep({ none, seconds: 0, samples: [] });
  const result = done ?? { classes, seconds: 0, samples: [] };
  const sample = (number) =>
    sampleLatents(engine, generator, { samples: 1, seed: number, truncation: options.truncation });
  while (result.samples.length < options.edits) {
    const begun = performance.now();
    const i = result.samples.length;
    const latents = await sample(seed + i);
    const own = latents.c?.data.indexOf(1);
    const target = classes ? (own + 1 + (i % (classes - 1))) % classes : undefined;
    const edits = {};
    for (const [kind, { script, picture, box }] of Object.entries(kinds)) {
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
        before: found.before.edited ?? found.before.held,
        after: found.after.edited ?? found.after.held,
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
function noUnits(dictionary, name) {
  try {
    unitResolver(dictionary, name);
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message;
  }
}

const stackOf = (data, height, width) => ({
  units: 3,
  height,
  width,
  data,
  coverage: new Float32Array(data.length).fill(1),
});

/** PSNR of an image with a picture, over the positions that are known. */
function likeness(image, { data, coverage }) {
  let [sum, count] = [0, 0];
  data.forEach((value, i) => {
    sum += coverage[i] * (Math.min(Math.max(image[i], 0), 1) - value) ** 2;
    count += coverage[i];
  });
  return -10 * Math.log10(Math.max(sum / count, 1e-10));
}

/** Mean absolute change of pixels, all over, or inside and outside of a box. */
function changeOf(image, original, height, width, box) {
  const area = height * width;
  const over = (positions) => {
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
