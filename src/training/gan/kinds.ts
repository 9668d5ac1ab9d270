// The generators that adversarial recipes can train, by name: sizes in, a generator with fresh weights out.
// Each is in a file of its own.

import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { UserError } from '../../errors.ts';
import { listed, problemsOf } from '../../files/json.ts';
import { bigGanGenerator } from './biggan/generator.ts';
import { bigGanSchema, bigGanShapes } from './biggan/tensors.ts';
import type { TrainingGenerator } from './generator.ts';
import { styleGan2Generator } from './stylegan2/generator.ts';
import { styleGan2Schema, styleGan2Shapes } from './stylegan2/tensors.ts';
import { styleGanXlGenerator } from './stylegan-xl/generator.ts';
import { styleGanXlSchema, styleGanXlShapes } from './stylegan-xl/tensors.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

interface Kind {
  /** JSON Schema of its sizes. */
  readonly schema: TSchema;
  /** Shapes of its tensors, and what makes them. @throws UserError for sizes that are not those of this generator. */
  planned(sizes: unknown): { readonly shapes: Shapes; make(seed: number): TrainingGenerator };
}

function kind<Schema extends TSchema>(
  name: string,
  schema: Schema,
  shapes: (sizes: Static<Schema>) => Shapes,
  make: (sizes: Static<Schema>, seed: number) => TrainingGenerator,
) {
  const whole = Type.Object({ architecture: schema });
  const planned: Kind['planned'] = (sizes) => {
    if (Check(schema, sizes)) return { shapes: shapes(sizes), make: (seed) => make(sizes, seed) };
    const problems = listed(problemsOf(whole, { architecture: sizes }));
    throw new UserError(`the recipe's generator is ${name}, but ${problems}`);
  };
  return { schema, planned };
}

export const generators = {
  biggan: kind('biggan', bigGanSchema, bigGanShapes, bigGanGenerator),
  stylegan2: kind('stylegan2', styleGan2Schema, styleGan2Shapes, styleGan2Generator),
  'stylegan-xl': kind('stylegan-xl', styleGanXlSchema, styleGanXlShapes, styleGanXlGenerator),
} as const satisfies Readonly<Record<string, Kind>>;

export type GeneratorName = keyof typeof generators;
export const generatorNames = ['biggan', 'stylegan2', 'stylegan-xl'] as const satisfies readonly GeneratorName[];

/** @throws UserError for sizes that are not those of this generator, naming all places. */
export const freshGenerator = (name: GeneratorName, sizes: unknown, seed: number): TrainingGenerator =>
  generators[name].planned(sizes).make(seed);
