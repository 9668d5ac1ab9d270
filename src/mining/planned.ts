// What a run will be made of, from its options: models with twins, sources, pairs; and what is refused before any work.
// It computes nothing.

import { UserError } from '../errors.ts';
import { memoryFolder } from '../files/folder.ts';
import type { ImageSource } from '../images/source.ts';
import type { Model } from '../zoo/model.ts';
import { minedModel, type MinedModel } from './correlation/plan.ts';
import { miningDefaults } from './defaults.ts';
import type { MineOptions } from './options.ts';
import { pairName } from './run/write-run.ts';

/** @throws UserError as `mine`, but for what only images can show. */
export function planned(options: MineOptions) {
  const settings = checked(options);
  const zoo = options.models;
  const twins = options.twins ? zoo.map((model) => model.twin(settings.seed)) : [];
  const all = [...zoo, ...twins];
  const mined = all.map((model) => minedModel(model));
  const sources = [options.images].flat();
  const present = sources.map((source) => modelsOn(source, all));
  const pairs = modelPairs(zoo.length, twins.length).filter(([a, b]) =>
    present.some((p) => p.includes(a) && p.includes(b)),
  );
  checkNames(all, pairs);
  checkPresent(all, present, pairs, sources);
  if (options.saveScores) checkScoreSize(mined, pairs, settings.memory);
  return { settings, all, mined, sources, present, pairs };
}

function checked(options: MineOptions) {
  const { models, k = miningDefaults.k, setK = miningDefaults.setK, anchors = [], memory = 2 ** 30 } = options;
  if (models.length < 2) throw new UserError('mining needs at least two models; name another one with --model');
  const modelNames = models.map(({ name }) => name);
  const twice = modelNames.find((name, i) => modelNames.indexOf(name) !== i);
  if (twice) throw new UserError(`two models are called "${twice}"; give each its own name with --model NAME=FILE`);
  for (const name of modelNames) {
    if (!/^[\w.+-]+$/.test(name))
      throw new UserError(`"${name}" cannot name a model: use letters, digits, ".", "_", "+" and "-"`);
  }
  const exactOnly = options.saveScores ? 'saveScores' : options.reference ? 'reference' : undefined;
  if (options.scores === 'screened' && exactOnly)
    throw new UserError(
      `${exactOnly} needs exact scores; leave out either --${exactOnly === 'saveScores' ? 'save-scores' : exactOnly} or --scores screened`,
    );
  const unknown = anchors.find((name) => !modelNames.includes(name));
  if (unknown !== undefined) {
    throw new UserError(`the anchor "${unknown}" is not one of the models ${modelNames.join(', ')}`);
  }
  for (const [name, value] of Object.entries({ k, setK })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UserError(`${name} must be a positive whole number, not ${value}`);
  }
  return {
    seed: options.seed ?? miningDefaults.seed,
    k,
    setK,
    anchors: [...new Set(anchors)],
    memory,
    conceptThreshold: options.conceptThreshold ?? miningDefaults.conceptThreshold,
    folder: options.folder ?? memoryFolder(),
  };
}

/** @throws UserError when two models, or the files of two pairs of them, would have one name. */
function checkNames(models: readonly Model[], pairs: readonly [number, number][]): void {
  const taken = new Set<string>();
  for (const { name } of models) {
    // The names of the zoo differ: it is a twin's that is taken.
    if (taken.has(name))
      throw new UserError(
        `the untrained twin of a model would be called "${name}", as another model is; rename that one`,
      );
    taken.add(name);
  }
  const files = new Map<string, string>();
  for (const [a, b] of pairs) {
    const [names, file] = [`${models[a].name} and ${models[b].name}`, pairName(models[a].name, models[b].name)];
    const others = files.get(file);
    if (others !== undefined)
      throw new UserError(`the pairs ${others}, and ${names}, would both be called "${file}"; rename a model`);
    files.set(file, names);
  }
}

/** Pairs of models by index: every two of the zoo, and each with its twin. */
function modelPairs(zoo: number, twins: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let a = 0; a < zoo; a++) for (let b = a + 1; b < zoo; b++) pairs.push([a, b]);
  for (let t = 0; t < twins; t++) pairs.push([t, zoo + t]);
  return pairs;
}

function checkScoreSize(mined: readonly MinedModel[], pairs: readonly [number, number][], memory: number): void {
  const bytes = pairs.reduce((sum, [a, b]) => sum + 4 * mined[a].units * mined[b].units, 0);
  if (bytes > memory) {
    const size = (value: number) => `${(value / 2 ** 20).toFixed(0)} MiB`;
    throw new UserError(
      `--save-scores needs ${size(bytes)} for ${pairs.length} score matrices, over the memory budget of ${size(memory)}; raise --memory, or mine fewer layers with --taps`,
    );
  }
}

/** Which models, by index, have maps on the images of a source: all encoders, and the generator of the images. */
function modelsOn({ generated }: ImageSource, models: readonly Model[]): number[] {
  const own = ({ name, twinOf }: Model) => generated && [name, twinOf].includes(generated.generator.name);
  return models.flatMap((model, m) => (model.kind === 'encoder' || own(model) ? [m] : []));
}

function checkPresent(
  models: readonly Model[],
  present: readonly (readonly number[])[],
  pairs: readonly (readonly [number, number])[],
  sources: readonly ImageSource[],
): void {
  const all = new Set(present.flat());
  const absent = models.find((_, m) => !all.has(m));
  const list = sources.map(({ source }) => source).join(', ');
  if (absent)
    throw new UserError(
      `${absent.name} is a generator, with maps on its own samples only, and the images are those of ${list}; mine over its samples too, or leave it out`,
    );
  const alone = models.find((_, m) => !pairs.some((pair) => pair.includes(m)));
  if (alone)
    throw new UserError(
      `${alone.name} cannot be compared with any of the models: two generators make different images; add an encoder`,
    );
}
