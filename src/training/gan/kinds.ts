// The generators that adversarial recipes can train, by name: sizes in, a generator with fresh weights out.
// Each is in a file of its own.

import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { UserError } from '../../errors.ts';
import { listed, problemsOf } from '../../files/json.ts';
import { bigGanGenerator } from './biggan/generator.ts';
import { bigGanSchema, bigGanShapes, sideOf as sideOfBigGan } from './biggan/tensors.ts';
import type { TrainingGenerator } from './generator.ts';
import { styleGan2Generator } from './stylegan2/generator.ts';
import { sideOf as sideOfStyleGan2, styleGan2Schema, styleGan2Shapes } from './stylegan2/tensors.ts';
import { styleGanXlGenerator } from './stylegan-xl/generator.ts';
import { styleGanXlSchema, styleGanXlShapes } from './stylegan-xl/tensors.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

interface Kind {
  /** JSON Schema of its sizes. */
  readonly schema: TSchema;
  /** @throws UserError for sizes that are not those of this generator. */
  planned(sizes: unknown): PlannedGenerator;
}

/** A generator of which nothing is made yet. */
export interface PlannedGenerator extends Pick<TrainingGenerator, 'size' | 'classes'> {
  /** Of its tensors. */
  readonly shapes: Shapes;
  make(seed: number): TrainingGenerator;
}

function kind<Schema extends TSchema>(
  name: string,
  schema: Schema,
  plannedOf: (sizes: Static<Schema>) => PlannedGenerator,
) {
  const whole = Type.Object({ architecture: schema });
  const planned: Kind['planned'] = (sizes) => {
    if (Check(schema, sizes)) return plannedOf(sizes);
    const problems = listed(problemsOf(whole, { architecture: sizes }));
    throw new UserError(`the recipe's generator is ${name}, but ${problems}`);
  };
  return { schema, planned };
}

export const generators = {
  biggan: kind('biggan', bigGanSchema, (sizes) => ({
    size: sideOfBigGan(sizes),
    classes: sizes.classes,
    shapes: bigGanShapes(sizes),
    make: (seed) => bigGanGenerator(sizes, seed),
  })),
  stylegan2: kind('stylegan2', styleGan2Schema, (sizes) => ({
    size: sideOfStyleGan2(sizes),
    classes: sizes.classes ?? 0,
    shapes: styleGan2Shapes(sizes),
    make: (seed) => styleGan2Generator(sizes, seed),
  })),
  'stylegan-xl': kind('stylegan-xl', styleGanXlSchema, (sizes) => ({
    size: sizes.size,
    classes: sizes.classes,
    shapes: styleGanXlShapes(sizes),
    make: (seed) => styleGanXlGenerator(sizes, seed),
  })),
} as const satisfies Readonly<Record<string, Kind>>;

export type GeneratorName = keyof typeof generators;
export const generatorNames = ['biggan', 'stylegan2', 'stylegan-xl'] as const satisfies readonly GeneratorName[];

/** @throws UserError for sizes that are not those of this generator, naming all places. */
export const freshGenerator = (name: GeneratorName, sizes: unknown, seed: number): TrainingGenerator =>
  generators[name].planned(sizes).make(seed);
