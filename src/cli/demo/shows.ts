// What the demo makes of the mined run: pictures inverted, samples translated, images edited; each with the command that
// makes the same by hand. How it is made is the commands' own.

import { join, relative } from 'node:path';
import { nodeFolder } from '../../files/node/folder.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import type { EditScript } from '../../synthesis/edit/script.ts';
import type { BrightConcept } from './concept.ts';
import { roles, type Zoo } from './zoo.ts';
import { editImage } from '../commands/edit.ts';
import { invertPhotos } from '../commands/invert.ts';
import type { ModelOption } from '../options.ts';
import type { ProgressPrinter } from '../progress.ts';
import { guidedTerms, type GuidedCommandOptions } from '../search/options.ts';
import type { Made } from '../search/results.ts';
import { translateSample } from '../commands/translate.ts';

export interface DemoShow {
  readonly part: 'pictures' | 'translated' | 'edited';
  /** Folder in the demo's. */
  readonly folder: string;
  readonly title: string;
  /** What one sees, in a sentence or two. */
  readonly text: string;
  /** The same by hand, but for `--out`. */
  readonly command: string;
  make(printer: ProgressPrinter, signal: AbortSignal): Promise<Made>;
}

export interface ShowsOptions {
  /** Folder of the demo, as commands by hand name it. */
  readonly out: string;
  /** Where it is made: the run is there as `run`. */
  readonly making: string;
  readonly zoo: Zoo;
  readonly dictionary: Dictionary;
  readonly steps: number;
  /** Drawn pictures: files in the demo's folder. */
  readonly pictures: readonly string[];
  /** A concept of the generator `into`, and an image of it where it is strong. */
  readonly lit?: BrightConcept;
  readonly threads?: number;
}

/** The classes of the photos that the zoo was trained on (CIFAR-10), in their order. */
const classes = ['plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'] as const;
const classOf = (name: (typeof classes)[number]): number => classes.indexOf(name);

interface DemoEdit {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  readonly generator: string;
  readonly seed: number;
  readonly class?: number;
  /** In place of a sample of the seed. */
  readonly latent?: string;
  readonly edits: EditScript['edits'];
}

/** @param lit the concept that is strengthened and weakened; without one these are left out. */
const edits = (lit: BrightConcept | undefined): DemoEdit[] => {
  const { moved, into } = roles;
  return [
    {
      name: 'shift',
      title: 'Shift to the right',
      text: 'Every map is moved by a quarter of the image. Nothing is asked of the strip that this uncovers: the generator fills it.',
      generator: moved,
      seed: 3,
      class: classOf('ship'),
      edits: [{ type: 'shift', dx: 0.25, dy: 0 }],
    },
    {
      name: 'zoom',
      title: 'Zoom in',
      text: 'Every map is enlarged by half around the middle.',
      generator: moved,
      seed: 1,
      class: classOf('horse'),
      edits: [{ type: 'zoom', factor: 1.5 }],
    },
    {
      name: 'paste',
      title: 'Copy and paste',
      text: 'The maps of the middle are asked for once more, in the right upper corner; the rest stays.',
      generator: into,
      seed: 4,
      class: classOf('deer'),
      edits: [{ type: 'copy-paste', from: [0.25, 0.25, 0.75, 0.75], to: [0.5, 0, 1, 0.5] }],
    },
    ...(['strengthen', 'weaken'] as const).flatMap((type): DemoEdit[] =>
      lit === undefined
        ? []
        : [
            {
              name: type,
              title: `${type === 'strengthen' ? 'Strengthen' : 'Weaken'} one concept`,
              text: `The units of concept ${lit.id} are to light ${type === 'strengthen' ? 'three times as much' : 'a quarter as much'}; all others are held.`,
              generator: into,
              seed: 0,
              latent: lit.latent,
              edits: [{ type, factor: type === 'strengthen' ? 3 : 0.25, units: { concepts: [lit.id] } }],
            },
          ],
    ),
    {
      name: 'class',
      title: 'Another class in the same place',
      text: `The class becomes "${classes[4]}" while the maps stay what they were for "${classes[7]}".`,
      generator: into,
      seed: 5,
      class: classOf('horse'),
      edits: [{ type: 'class', class: classOf('deer') }],
    },
  ];
};

/** Samples of the one generator that are looked for in the other. */
const translatedSeeds = [1, 2, 3] as const;

/** Everything, in the order of the page. */
export function demoShows(options: ShowsOptions): DemoShow[] {
  const { out, making, zoo, dictionary } = options;
  const pictures = options.pictures.map((name) => join(making, name));
  const run = join(out, 'run');
  const { from, into } = roles;
  const encoders = encodersOf(dictionary).map((name) => zoo.model(name));
  const guides = encoders.map(({ name, file }) => `--guide ${name}=${file}`).join(' ');
  const model = (name: string) => `${name}=${zoo.model(name).file}`;
  const steps = `--steps ${options.steps}`;
  const guided = (folder: string, seed: number) => ({ ...common(options, folder, seed), guide: encoders });
  return [
    {
      part: 'pictures',
      folder: 'pictures',
      title: 'Drawn pictures',
      text: '',
      command: `rosetta invert ${options.pictures.map((name) => join(out, name)).join(' ')} --generator ${model(into)} ${guides} --run ${run} ${steps}`,
      make: (printer, signal) =>
        invertPhotos(pictures, { ...guided('pictures', 0), generator: zoo.model(into) }, printer, signal),
    },
    ...translatedSeeds.map((seed): DemoShow => ({
      part: 'translated',
      folder: `translated/sample-${seed}`,
      title: `Sample ${seed} of ${from}`,
      text: '',
      command: `rosetta translate --from ${model(from)} --seed ${seed} --to ${model(into)} ${guides} --run ${run} ${steps}`,
      make: (printer, signal) =>
        translateSample(
          { ...guided(`translated/sample-${seed}`, seed), from: zoo.model(from), to: zoo.model(into) },
          printer,
          signal,
        ),
    })),
    ...edits(options.lit).map((edit): DemoShow => {
      const folder = `edited/${edit.name}`;
      const image = edit.latent ? `--latent ${join(run, edit.latent)}` : `--seed ${edit.seed} --class ${edit.class}`;
      const script = join('edited', `${edit.name}.json`);
      return {
        part: 'edited',
        folder,
        title: edit.title,
        text: edit.text,
        command: `rosetta edit --generator ${model(edit.generator)} ${image} --edit ${join(out, script)} --run ${run} ${steps}`,
        async make(printer, signal) {
          const text = `${JSON.stringify({ version: 1, edits: edit.edits }, null, 2)}\n`;
          await nodeFolder(making).write(script, [text]);
          const settings = { ...common(options, folder, edit.seed), loss: { rosetta: 1, level: 1, start: 0 } };
          const generator: ModelOption = zoo.model(edit.generator);
          return editImage(
            {
              ...settings,
              generator,
              class: edit.class,
              latent: edit.latent && join(making, 'run', edit.latent),
              edit: join(making, script),
            },
            printer,
            signal,
          );
        },
      };
    }),
  ];
}

const encodersOf = ({ models }: Dictionary): string[] =>
  models.filter(({ role, card }) => role === 'zoo' && !('latent' in card)).map(({ name }) => name);

/** What the commands have by default. What is asked for is not finished, or not known to be: it replaces what is there. */
const common = ({ out, making, steps, threads }: ShowsOptions, folder: string, seed: number): GuidedCommandOptions => ({
  run: join(making, 'run'),
  out: join(making, folder),
  seed,
  steps,
  threads,
  loss: guidedTerms,
  noise: 'const',
  every: 10,
  device: 'cpu',
  pairs: 1000,
  candidates: 32,
  domainSamples: 16,
  force: true,
  told: (path) => (path.startsWith(join(making, '/')) ? join(out, relative(making, path)) : path),
});
