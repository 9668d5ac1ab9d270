// What people write: model cards, recipes, edit scripts, settings, globs of layers and the texts of options.
// No model is made of them.

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
import { classOf, parseEditScript } from '../../../src/synthesis/edit/script.ts';
import { recipeKinds } from '../../../src/training/recipe/kinds.ts';
import { parseRecipe } from '../../../src/training/recipe/schema.ts';
import { parseCard } from '../../../src/zoo/read-card.ts';
import { matching } from '../../../src/zoo/layer-names.ts';
import { readSettings } from '../../../src/zoo/settings.ts';
import { changedJson } from '../generators/json.ts';
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

export const texts: readonly Target[] = [
  {
    name: 'model-card',
    prepare: () => ({ inputs: changedJson(shipped('zoo')), read: (bytes) => parseCard(text(bytes), 'card.json') }),
  },
  {
    name: 'recipe',
    prepare: () => ({
      inputs: changedJson(shipped('zoo/recipes')),
      read: (bytes) => parseRecipe(text(bytes), 'recipe.json', recipeKinds),
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
