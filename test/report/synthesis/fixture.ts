// A made-up page of results: pictures, curves and maps as an inversion would have them.
// It is no test itself.

import { encodeAnimation, encodeImage, encodePng } from '../../../src/images/node.ts';
import { base64 } from '../../../src/report/blocks.ts';
import { heatmapPixels } from '../../../src/report/heatmap.ts';
import type { Curve, Match, Picture, SynthesisPage } from '../../../src/report/synthesis/page.ts';

const uri = (format: string, bytes: Uint8Array): string => `data:image/${format};base64,${base64(bytes)}`;

/** A disc on a slope; `t` from 0 to 1 moves and colours it. */
function picture(size: number, t: number): Float32Array {
  const out = new Float32Array(3 * size * size);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [(i % size) / size, Math.floor(i / size) / size];
    const inside = Math.hypot(x - 0.3 - 0.25 * t, y - 0.55) < 0.16 + 0.1 * t;
    const colour = inside ? [0.9, 0.35 + 0.4 * t, 0.2] : [0.25 + 0.4 * y, 0.45 + 0.3 * x, 0.75 - 0.2 * y];
    colour.forEach((value, channel) => (out[channel * size * size + i] = value));
  }
  return out;
}

async function heatmap(size: number, x0: number, y0: number, strength: number): Promise<string> {
  const map = Float32Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [((i % size) + 0.5) / size, (Math.floor(i / size) + 0.5) / size];
    return strength * 5 * Math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 0.05) - 0.5;
  });
  return uri('png', await encodeImage(heatmapPixels(map, size, size, 5), size, size, 'png'));
}

async function match(i: number): Promise<Match> {
  const at = [0.2 + 0.06 * (i % 11), 0.3 + 0.05 * (i % 9)] as const;
  return {
    generatorUnit: `biggan-deep-128/generator.layers.${i % 9}/${37 * i + 5}`,
    guideUnit: `dino-resnet50/layer${1 + (i % 4)}.${i % 3}/${101 * i + 17}`,
    r: {
      before: 0.3 * Math.sin(2 * i),
      after: 0.55 + 0.35 * Math.cos(i),
      ...(i % 5 !== 4 && { mined: 0.6 + 0.03 * (i % 7) }),
    },
    maps: [
      { caption: 'guide, on the photo', src: await heatmap(14, ...at, 1) },
      { caption: 'generator, before', src: await heatmap(8, 0.8 - 0.05 * i, 0.4, 0.4) },
      { caption: 'generator, after', src: await heatmap(8, at[0] + 0.03, at[1], 0.85) },
    ],
  };
}

const curve = (name: string, from: number, to: number): Curve => ({
  name,
  values: Array.from({ length: 301 }, (_, step) => [
    step,
    to + (from - to) * Math.exp(-step / 60) + 0.02 * from * Math.sin(step) * Math.exp(-step / 200),
  ]),
});

async function pictures(size: number): Promise<Picture[]> {
  const still = async (caption: string, t: number): Promise<Picture> => ({
    caption,
    src: uri('png', await encodePng(picture(size, t), size, size)),
    width: size,
    height: size,
  });
  const frames = Array.from({ length: 20 }, (_, i) => picture(size, i / 19));
  const animation = await encodeAnimation(frames, { height: size, width: size, delayMs: 80 });
  return [
    await still('photo', 1),
    await still('start', 0),
    { ...(await still('result', 0.93)), animation: uri('webp', animation) },
    await still('without pairs', 0.5),
  ];
}

/** @param pairs in the first of two results; the second has a third of them. */
export async function synthesisFixture(pairs = 12): Promise<SynthesisPage> {
  const matches = await Promise.all(Array.from({ length: pairs }, (_, i) => match(i)));
  const facts = [
    { label: 'PSNR', value: '21.4 dB' },
    { label: 'SSIM', value: '0.71' },
    { label: 'distance in dino-resnet50', value: '0.38' },
    { label: 'steps', value: '300 of Adam, learning rate 0.05' },
    { label: 'space', value: 'z and c, truncation 1' },
    { label: 'guide', value: 'dino-resnet50, 12 pairs of biggan-and-dino/dictionary.json' },
  ];
  const curves = [
    curve('rosetta', 0.96, 0.31),
    curve('pixels', 0.083, 0.0072),
    curve('features', 0.9, 0.38),
    curve('norm', 0, 0.004),
  ];
  return {
    title: 'goldfish.jpg inverted into biggan-deep-128',
    lead: 'The latent whose image lights the same units as the photo. Maps show deviations from each unit’s mean, from black (the mean or less) to yellow (five standard deviations).',
    results: [
      { name: 'goldfish.jpg, row 1 of 2', pictures: await pictures(128), facts, curves, pairs: matches },
      {
        name: 'cifar10/airplane_with_a_very_long_file_name_that_does_not_end_0001.png',
        pictures: await pictures(32),
        facts: facts.slice(0, 3),
        warning:
          'The photo lies outside the generator’s domain: only 31 % of the guide’s units that pair with it are lit where they are lit in generated images.',
        pairs: matches.slice(0, Math.ceil(pairs / 3)),
      },
    ],
    notes: [
      'r is the correlation of two maps over the positions of one image; mining takes it over many images.',
      'Generators of one class of images cannot show another.',
    ],
  };
}
