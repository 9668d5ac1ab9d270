// The generators that adversarial recipes can train, by name: sizes in, a generator with fresh weights out.
// Each is in a file of its own.

import { Ajv } from 'ajv';
import { UserError } from '../../errors.ts';
import { bigGanGenerator, bigGanSchema } from './biggan/generator.ts';
import type { TrainingGenerator } from './generator.ts';
import { styleGan2Generator, styleGan2Schema } from './stylegan2/generator.ts';
import { styleGanXlGenerator, styleGanXlSchema } from './stylegan-xl/generator.ts';

interface Kind {
  /** JSON schema of its sizes. */
  readonly schema: object;
  readonly make: (sizes: never, seed: number) => TrainingGenerator;
}

export const generators = {
  biggan: { schema: bigGanSchema, make: bigGanGenerator },
  stylegan2: { schema: styleGan2Schema, make: styleGan2Generator },
  'stylegan-xl': { schema: styleGanXlSchema, make: styleGanXlGenerator },
} as const satisfies Readonly<Record<string, Kind>>;

export type GeneratorName = keyof typeof generators;

/** @throws UserError for sizes that are not those of this generator, naming all places. */
export function freshGenerator(name: GeneratorName, sizes: unknown, seed: number): TrainingGenerator {
  const { schema, make } = generators[name] as Kind;
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema);
  if (validate(sizes)) return make(sizes as never, seed);
  const problems = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const extra = 'additionalProperty' in params ? ` ("${params.additionalProperty}")` : '';
    return `architecture${instancePath.replaceAll('/', '.')} ${message}${extra}`;
  });
  throw new UserError(`the recipe's generator is ${name}, but ${problems.join('; ')}`);
}
