// Reading a model card: JSON text to a checked card. The checking itself is a library's.

import { Ajv, type JSONSchemaType } from 'ajv';
import { UserError } from '../errors.ts';
import { parseJson } from '../files/parse-json.ts';
import type { PartialCard } from './card.ts';

const side = { type: 'integer', minimum: 1, maximum: 8192 } as const;
const text = { type: 'string', minLength: 1 } as const;
const triple = {
  type: 'array',
  items: [{ type: 'number' }, { type: 'number' }, { type: 'number' }],
  minItems: 3,
  maxItems: 3,
} as const;

/** JSON Schema of a card; docs/model-card.schema.json is a copy of it. */
export const cardSchema = {
  $id: 'rosetta-neurons/model-card',
  title: 'Model card',
  type: 'object',
  properties: {
    name: {
      type: 'string',
      pattern: '^[A-Za-z0-9_.+-]+$',
      description: 'Name of the model; it begins the names of its units.',
    },
    architecture: { ...text, description: 'Family of the builder, e.g. resnet, vit, biggan-deep; or onnx.' },
    config: {
      type: 'object',
      required: [],
      nullable: true,
      description: 'Settings of the builder that the checkpoint does not tell.',
    },
    task: { ...text, description: 'What the network was trained to do.' },
    supervision: { ...text, description: 'What supervised it: labels, text, nothing.' },
    data: { ...text, description: 'What it was trained on.' },
    licence: { ...text, description: 'Licence of the weights.' },
    source: { ...text, description: 'Where the weights come from.' },
    paper: { ...text, nullable: true, description: 'Title, authors, venue.' },
    quality: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          measure: { ...text, description: 'What was measured, with its unit.' },
          value: { type: 'number' },
          untrained: {
            type: 'number',
            nullable: true,
            description: 'The same of the architecture with fresh weights.',
          },
        },
        required: ['measure', 'value'],
        additionalProperties: false,
      },
      nullable: true,
      description: 'How good it was found to be.',
    },
    file: { ...text, nullable: true, description: 'File of the weights, relative to the card.' },
    input: {
      description: 'How images enter; default: that of the family. Generators have none.',
      type: 'object',
      nullable: true,
      properties: {
        height: side,
        width: side,
        mean: { ...triple, description: 'Per channel, in RGB order, of values in [0, 1].' },
        std: { ...triple, items: Array(3).fill({ type: 'number', exclusiveMinimum: 0 }) },
        resize: { type: 'string', enum: ['bilinear', 'bicubic'] },
        antialias: { type: 'boolean', description: 'Smooth before shrinking.' },
      },
      required: ['height', 'width', 'mean', 'std', 'resize', 'antialias'],
      additionalProperties: false,
    },
    taps: {
      type: 'array',
      items: text,
      minItems: 1,
      nullable: true,
      description: 'Layers whose units are mined; globs are allowed. Default: those of the family.',
    },
  },
  required: ['name', 'architecture', 'task', 'supervision', 'data', 'licence', 'source'],
  additionalProperties: false,
} as const;

const validate = new Ajv({ allErrors: true }).compile(cardSchema as unknown as JSONSchemaType<PartialCard>);

/**
 * The card in a JSON text, and the file of its weights.
 * @throws UserError that lists every place where the text is not a card.
 */
export function parseCard(json: string, path: string): { card: PartialCard; file: string } {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    throw new UserError(
      `${path} is not valid JSON (${(error as Error).message}); a model card or a checkpoint is expected`,
    );
  }
  if (!validate(value)) {
    const problems = validate.errors!.map(({ instancePath, message, params }) => {
      const extra = 'additionalProperty' in params ? ` ("${params.additionalProperty}")` : '';
      return `${instancePath.slice(1).replaceAll('/', '.') || 'the card'} ${message}${extra}`;
    });
    throw new UserError(
      `${path} is not a model card: ${problems.join('; ')}. docs/model-card.schema.json has the form`,
    );
  }
  if (!value.file) throw new UserError(`the card ${path} names no "file" with weights; add it, relative to the card`);
  return { card: value, file: value.file };
}
