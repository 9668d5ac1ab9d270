// CLIP's text tower: words, tokens, features, and classes told apart by them.

import { expect, it, describe } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, toFloat32, toHalf, toNumbers, type Tensor } from '../../../src/graph/tensor.ts';
import { captionOf, templates, Tokenizer } from '../../../src/training/clip/captions.ts';
import { vocabularyIn, vocabularyOf, vocabularyTensor } from '../../../src/training/clip/captions.ts';
import { freshClip } from '../../../src/training/clip/tensors.ts';
import { cosines, largest } from '../../../src/training/quality/index.ts';
import { classFeatures, encodeText, textFeatures, textHeads } from '../../../src/training/clip/text.ts';
import { Weights } from '../../../src/zoo/weights.ts';
import { largestDifference } from '../../golden.ts';
import { rowsOf, textTower } from './reference.ts';
import { engine, normal } from '../networks.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const nouns = ['tabby', 'alley cat', 'milk float', 'cat'];
const vocabulary = vocabularyOf(nouns);

/** A text tower whose every tensor matters: biases are not zero, and embeddings not small. */
function tower(width: number, context: number): Map<string, Tensor> {
  const sizes = { depths: [1, 1, 1, 1], width: 2, grid: 1, embed: 6, text: { width, layers: 2, context } };
  const tensors = freshClip(sizes, vocabulary.length, 4);
  let seed = 100;
  for (const [name, { shape }] of tensors) {
    if (/embedding|bias$/.test(name)) tensors.set(name, normal(shape, 0.7, seed++));
  }
  return tensors.set('vocabulary', vocabularyTensor(vocabulary));
}

async function features(tensors: ReadonlyMap<string, Tensor>, tokens: Tensor): Promise<Tensor> {
  const b = new GraphBuilder();
  b.output(textFeatures(b, b.input('tokens', tokens.shape, 'int64'), new Weights(tensors, 'text')), 'features');
  const out = await runOnce(engine, b.build(), { tokens });
  return out.features;
}

describe('words and tokens', () => {
  it('go there and back, between a start and an end that is the largest number', () => {
    const tokenizer = new Tokenizer(vocabulary, 12);
    const captions = templates.flatMap((template) => nouns.map((name) => captionOf(template, name)));
    const rows = tokenizer.encode(captions);
    expect(rows.shape).toEqual([captions.length, 12]);
    expect(tokenizer.decode(rows)).toEqual(captions);
    expect(captions).toContain('a low resolution photo of a alley cat');
    expect(captions[0]).toBe('a photo of a tabby');
    const [first, last] = [vocabulary.length - 2, vocabulary.length - 1];
    for (const row of rowsOf(rows)) {
      expect(row[0]).toBe(first);
      expect(row.filter((token) => token >= first)).toEqual([first, last]);
      expect(row.slice(row.indexOf(last) + 1).every((token) => token === 0)).toBe(true);
    }
  });

  it('are the same for the same nouns in any order, and survive a checkpoint of 16 bits', () => {
    expect(vocabularyOf([...nouns].reverse())).toEqual(vocabulary);
    expect(new Set(vocabulary).size).toBe(vocabulary.length);
    expect(vocabulary.indexOf('tabby')).toBeGreaterThan(vocabulary.indexOf('photo'));
    const kept = toHalf(vocabularyTensor([...vocabulary, 'Katze', 'ねこ']));
    expect(vocabularyIn(new Map([['vocabulary', kept]]))).toEqual([...vocabulary, 'Katze', 'ねこ']);
  });

  it('take unknown words as 0, and refuse captions that do not fit and checkpoints without words', () => {
    const tokenizer = new Tokenizer(vocabulary, 5);
    const known = vocabulary.indexOf('cat');
    expect(toNumbers(tokenizer.encode(['A purple, CAT!'])).slice(1, 4)).toEqual([vocabulary.indexOf('a'), 0, known]);
    expect(() => tokenizer.encode(['one two three four'])).toThrow(/has 4 words; 3 fit a context of 5/);
    expect(() => vocabularyIn(new Map())).toThrow(UserError);
  });
});

describe('the text tower', () => {
  it.each([
    [8, 1],
    [128, 2],
  ])('of %i channels has the features of a float64 computation', async (width, heads) => {
    expect(textHeads(width)).toBe(heads);
    const tensors = tower(width, 9);
    const tokens = new Tokenizer(vocabulary, 9).encode(['a photo of a tabby', 'alley cat', '']);
    const found = rowsOf(await features(tensors, tokens));
    rowsOf(tokens).forEach((row, i) => {
      const expected = textTower(tensors, row.slice(0, row.indexOf(vocabulary.length - 1) + 1), heads);
      const scale = Math.max(...expected.map(Math.abs));
      expect(largestDifference(found[i], expected) / scale).toBeLessThan(2e-5);
    });
  });

  it('sees nothing after the end, and everything before it', async () => {
    const tensors = tower(8, 9);
    const tokens = new Tokenizer(vocabulary, 9).encode(['alley cat']);
    const changed = (at: number): Tensor => {
      const data = BigInt64Array.from(tokens.data as BigInt64Array);
      data[at] = 3n;
      return { ...tokens, data };
    };
    const before = toFloat32(await features(tensors, tokens)).slice();
    for (let at = 0; at < 9; at++) {
      if (at === 3) continue;
      const difference = largestDifference(toFloat32(await features(tensors, changed(at))), before);
      if (at > 3) expect(difference).toBe(0);
      else expect(difference).toBeGreaterThan(1e-3);
    }
  });
});

describe('zero-shot classification', () => {
  it('encodes captions to rows of length 1', async () => {
    const tensors = tower(8, 9);
    const found = rowsOf(await encodeText(engine, tensors, ['a photo of a cat', 'tabby']));
    const tokens = new Tokenizer(vocabulary, 9).encode(['a photo of a cat', 'tabby']);
    rowsOf(await features(tensors, tokens)).forEach((row, i) => {
      const length = Math.hypot(...row);
      expect(
        largestDifference(
          found[i],
          row.map((v) => v / length),
        ),
      ).toBeLessThan(1e-6);
    });
    await expect(encodeText(engine, tensors, [])).rejects.toThrow(UserError);
  });

  it('finds the class whose captions are nearest, by one prompt or the mean of several', async () => {
    const tensors = tower(8, 9);
    const prompts = ['a photo of a {}', 'one {}'];
    const classes = await classFeatures(engine, tensors, ['cat', 'tabby', 'milk float'], prompts);
    const single = await Promise.all(prompts.map((prompt) => classFeatures(engine, tensors, ['tabby'], [prompt])));
    const mean = Array.from(single[0].data, (v, k) => v + single[1].data[k]);
    const length = Math.hypot(...mean);
    expect(
      largestDifference(
        rowsOf(classes)[1],
        mean.map((v) => v / length),
      ),
    ).toBeLessThan(1e-6);
    // Images that lie near a class each, of various lengths.
    const rows = rowsOf(classes);
    const near = [2, 0, 1, 1].map((c, i) => rows[c].map((v) => (i + 1) * 3 * v + 0.01));
    expect([...largest(cosines(float32([4, 6], near.flat()), classes))]).toEqual([2, 0, 1, 1]);
    expect(() => cosines(float32([1, 5], [1, 2, 3, 4, 5]), classes)).toThrow(/images of 5 numbers and texts of 6/);
  });
});
