// What people write: model cards, recipes, edit scripts, settings, globs of layers and the texts of options.
// No model is made of them; of recipes plans are.

import { readFileSync, readdirSync } from 'node:fs';
import fc, { type Arbitrary } from 'fast-check';
import { InvalidArgumentError } from 'commander';
import {
  collectNames,
  fraction,
  parseBytes,
  parseImageSize,
  parseModel,
  parseSetting,
  settingsFor,
  tapsFor,
  wholeNumber,
} from '../../../src/cli/options.ts';
import { parseClass } from '../../../src/cli/search/options.ts';
import { UserError } from '../../../src/errors.ts';
import { problemsOf } from '../../../src/files/json.ts';
import { readSafetensorsBytes } from '../../../src/files/safetensors.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { classOf, parseEditScript } from '../../../src/synthesis/edit/script.ts';
import type { PhotoSet } from '../../../src/training/loop/photos.ts';
import { recipeKinds } from '../../../src/training/recipe/kinds.ts';
import { parseRecipe } from '../../../src/training/recipe/schema.ts';
import { architectures } from '../../../src/zoo/registry.ts';
import { parseCard } from '../../../src/zoo/read-card.ts';
import { matching } from '../../../src/zoo/layer-names.ts';
import { readSettings } from '../../../src/zoo/settings.ts';
import { changedJson, changedNumbers } from '../generators/json.ts';
import type { Target } from '../target.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const encoded = (texts: Arbitrary<string>): Arbitrary<Uint8Array> => texts.map((one) => new TextEncoder().encode(one));

/** The JSON files of a folder of the repository. */
function shipped(folder: string): unknown[] {
  const url = new URL(`../../../${folder}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => name.endsWith('.json'));
  return names.map((name) => JSON.parse(readFileSync(new URL(name, url), 'utf8')) as unknown);
}

const scripts = [
  {
    version: 1,
    hold: 0.5,
    edits: [
      { type: 'shift', dx: 0.1, dy: -0.2, units: { concepts: ['c0'], sets: ['s1'], units: ['g/layer/0'] } },
      { type: 'zoom', factor: 1.5, centre: [0.5, 0.5], units: 'all' },
      { type: 'copy-paste', from: [0, 0, 0.5, 0.5], to: [0.5, 0.5, 1, 1], source: 'seed:3' },
    ],
  },
  { version: 1, edits: [{ type: 'rotate', degrees: 20 }, { type: 'strengthen', factor: 2, box: [0, 0, 1, 1] }, { type: 'class', class: 3 }] }, // prettier-ignore
];

/** Texts of the pieces that a reader looks for, in any order, and of anything. */
const pieced = (pieces: readonly string[]): Arbitrary<string> =>
  fc
    .array(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...pieces) }, fc.string({ unit: 'binary', maxLength: 4 })),
      {
        maxLength: 12,
        size: 'max',
      },
    )
    .map((parts) => parts.join(''));

const layers = ['conv1', 'layer1', 'layer1.0', 'layer1.0.conv1', 'blocks.7.mlp.act', 'a\u2028b', 'x{y', '*', `${'a.'.repeat(60)}b`]; // prettier-ignore

const settings = { owner: 'm', choices: { grid: 'size', heads: 'number', kind: ['a', 'b'] } as const, assumed: true };
const input = { height: 8, width: 8, mean: [0, 0, 0], std: [1, 1, 1], resize: 'bilinear', antialias: true } as const;

const optionReaders: readonly ((text: string) => unknown)[] = [
  parseModel,
  collectNames,
  parseSetting,
  wholeNumber(1),
  fraction,
  parseBytes,
  parseImageSize,
  parseClass,
  (one) => tapsFor([one], 'm', ['m', 'n']),
];

/** Grey ones: few pixels, and more of them than a batch of a shipped recipe. */
const photos: PhotoSet = {
  pixels: new Uint8Array(1024 * 3 * 32 * 32).fill(128),
  n: 1024,
  height: 32,
  width: 32,
  labels: Int32Array.from({ length: 1024 }, (_, i) => i % 10),
  classes: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  names: Array.from({ length: 1024 }, (_, i) => `train/${i}.png`),
};

/** Of the one file beside the shipped recipes. */
async function tensorsOf(file: string): Promise<ReadonlyMap<string, Tensor>> {
  if (file !== 'encoder.safetensors') throw new UserError(`cannot read ${file}: no such file`);
  const url = new URL(`../../../zoo/recipes/${file}`, import.meta.url);
  const found = await readSafetensorsBytes(file, readFileSync(url));
  return new Map([...found].map(([key, tensor]) => [key, float32(tensor.shape, toFloat32(tensor))]));
}

export const texts: readonly Target[] = [
  {
    name: 'model-card',
    prepare: () => ({
      inputs: fc.oneof(changedJson(shipped('zoo')), changedNumbers(shipped('zoo'))),
      read(bytes) {
        const { card } = parseCard(text(bytes), 'card.json');
        const family = architectures.find((one) => one.name === card.architecture);
        // What a card leaves to its checkpoint is lacking here.
        const problems = family ? problemsOf(family.config, card.config ?? {}, 'config') : [];
        const wrong = problems.filter((one) => !one.startsWith('config lacks'));
        if (wrong.length) throw new UserError(wrong.join('; '));
      },
    }),
  },
  {
    name: 'recipe',
    prepare: () => ({
      inputs: fc.oneof(changedJson(shipped('zoo/recipes')), changedNumbers(shipped('zoo/recipes'))),
      async read(bytes) {
        const recipe = parseRecipe(text(bytes), 'recipe.json', recipeKinds);
        const kind = recipeKinds.find((one) => one.kind === recipe.kind);
        await kind?.plan(recipe, photos, { tensors: tensorsOf, memory: 2 ** 26 });
      },
    }),
  },
  {
    name: 'edit-script',
    prepare: () => ({ inputs: changedJson(scripts), read: (bytes) => classOf(parseEditScript(text(bytes))) }),
  },
  {
    name: 'settings',
    prepare: () => ({
      inputs: encoded(
        pieced(['m:', 'n:', 'size', 'mean', 'std', 'grid', 'heads', 'kind', '=', '=', 'x', ',', '8', '0.5', 'a', 'true', 'bicubic', 'resize', 'antialias', '__proto__', 'constructor', '1e999', '-1', '99999999999']), // prettier-ignore
      ),
      read(bytes) {
        try {
          readSettings(settingsFor(parseSetting(text(bytes)), 'm', ['m', 'n']), { ...settings, input });
        } catch (error) {
          if (error instanceof InvalidArgumentError) throw new UserError(error.message);
          throw error;
        }
      },
    }),
  },
  {
    name: 'layer-glob',
    prepare: () => ({
      inputs: encoded(pieced(['*', '**', '?', '.', '{', '}', ',', 'layer', '1', 'conv', 'a', '[', ']', '(', ')', '\\', '^', '$', '|', '+'])), // prettier-ignore
      read(bytes) {
        if (!matching(layers, [text(bytes)]).length) throw new UserError('matches none');
      },
    }),
  },
  {
    name: 'option-texts',
    prepare: () => ({
      inputs: encoded(pieced(['0', '1', '17', '-', '.', 'e9', 'G', 'MiB', 'b', 'x', 'auto', '=', ',', ' ', '/', 'm:', 'name', 'NaN', 'Infinity', '\u2028', '9007199254740993'])), // prettier-ignore
      read(bytes) {
        // Each text is wrong for most options; what is told of a wrong one is InvalidArgumentError.
        const told = optionReaders.filter((read) => {
          try {
            read(text(bytes));
            return false;
          } catch (error) {
            if (error instanceof InvalidArgumentError) return true;
            throw error;
          }
        });
        if (told.length > optionReaders.length / 2) throw new UserError('wrong for most');
      },
    }),
  },
];
