// Captions of photos, and the words that a text tower knows: templates with a noun, a vocabulary of whole words.
// It draws no captions (recipe.ts does); CLIP's own vocabulary of parts of words is not used.

import { UserError } from '../../errors.ts';
import { float32, toFloat32, toNumbers, type Tensor } from '../../graph/tensor.ts';

/** What a caption says around its noun. */
export const templates: readonly string[] = [
  'a photo of a {}',
  'a photo of the {}',
  'a blurry photo of a {}',
  'a small photo of a {}',
  'a good photo of a {}',
  'a bad photo of the {}',
  'a cropped photo of a {}',
  'a dark photo of the {}',
  'a bright photo of a {}',
  'a close photo of the {}',
  'a low resolution photo of a {}',
  'a small picture of the {}',
  'a picture of a {}',
  'this is a {}',
  'one {}',
  '{}',
];

/** The caption that a template makes of a noun. */
export const captionOf = (template: string, noun: string): string => template.replaceAll('{}', noun);

/** Lower-case words: runs of letters and digits. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Tokens that are no words. As in CLIP the end has the largest number, and what follows it is filled with 0. */
const [unknown, start, end] = ['<|unknown|>', '<|startoftext|>', '<|endoftext|>'];

/** All tokens by number, those of the templates and of `nouns`: the same for the same nouns in whatever order. */
export function vocabularyOf(nouns: Iterable<string>): string[] {
  const words = new Set([...templates, ...nouns].flatMap(wordsOf));
  return [unknown, ...[...words].sort(), start, end];
}

/** Name of the tensor in which a checkpoint keeps its vocabulary; the official code has it in a file of its own. */
export const vocabularyName = 'vocabulary';

/** The vocabulary as a tensor: its tokens in UTF-8, one a line. The bytes are floats, which 16 bits hold exactly. */
export const vocabularyTensor = (vocabulary: readonly string[]): Tensor => {
  const bytes = new TextEncoder().encode(vocabulary.join('\n'));
  return float32([bytes.length], Float32Array.from(bytes));
};

/** @throws UserError when a checkpoint has no such tensor, as official ones have not. */
export function vocabularyIn(tensors: ReadonlyMap<string, Tensor>): string[] {
  const tensor = tensors.get(vocabularyName);
  if (!tensor) {
    throw new UserError(
      `the checkpoint has no tensor "${vocabularyName}", which says its words; texts can be encoded only for networks that were trained here`,
    );
  }
  return new TextDecoder().decode(Uint8Array.from(toFloat32(tensor))).split('\n');
}

/** Texts to rows of tokens, and back. */
export class Tokenizer {
  readonly vocabulary: readonly string[];
  /** Length of a row. */
  readonly context: number;
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(vocabulary: readonly string[], context: number) {
    this.vocabulary = vocabulary;
    this.context = context;
    this.#numbers = new Map(vocabulary.map((token, number) => [token, number]));
  }

  /**
   * `[captions.length, context]`: start, words, end, zeros. A word that is not known is 0.
   * @throws UserError for a caption of more words than fit.
   */
  encode(captions: readonly string[]): Tensor {
    const { context } = this;
    const [first, last] = [this.vocabulary.length - 2, this.vocabulary.length - 1];
    const rows = new BigInt64Array(captions.length * context);
    captions.forEach((caption, i) => {
      const words = wordsOf(caption);
      if (words.length + 2 > context) {
        throw new UserError(
          `the caption "${caption}" has ${words.length} words; ${context - 2} fit a context of ${context}: shorten it, or train with a longer context`,
        );
      }
      const row = [first, ...words.map((word) => this.#numbers.get(word) ?? 0), last];
      row.forEach((token, t) => (rows[i * context + t] = BigInt(token)));
    });
    return { dtype: 'int64', shape: [captions.length, context], data: rows };
  }

  /** The words of each row, between its start and its end. */
  decode(rows: Tensor): string[] {
    const tokens = toNumbers(rows).map((number) => this.vocabulary[number]);
    const [n, context] = rows.shape;
    return Array.from({ length: n }, (_, i) => {
      const row = tokens.slice(i * context, (i + 1) * context);
      return row.slice(1, row.indexOf(end)).join(' ');
    });
  }
}
