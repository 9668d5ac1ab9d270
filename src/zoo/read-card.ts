// Reading a model card: JSON text to a checked card.
// What a card may hold is told by card.ts; files are opened in node.ts.

import { UserError } from '../errors.ts';
import { readJson } from '../files/json.ts';
import { cardSchema, type PartialCard } from './card.ts';

/**
 * The card in a JSON text, and the file of its weights.
 * @throws UserError that lists every place where the text is not a card.
 */
export function parseCard(json: string, path: string): { card: PartialCard; file: string } {
  const { value: card, problem, syntax } = readJson(cardSchema, json, 'the card');
  if (syntax !== undefined)
    throw new UserError(`${path} is not valid JSON (${syntax}); a model card or a checkpoint is expected`);
  if (problem !== undefined)
    throw new UserError(`${path} is not a model card: ${problem}. docs/model-card.schema.json has the form`);
  if (!card.file) throw new UserError(`the card ${path} names no "file" with weights; add it, relative to the card`);
  return { card, file: card.file };
}
