// Model cards and settings: what is accepted, and what the messages say of the rest.

import { describe, expect, it } from 'vitest';
import { parseCard } from '../../src/zoo/read-card.ts';
import { parseSize, readSettings, type SettingsContext } from '../../src/zoo/settings.ts';

const card = {
  name: 'resnet50',
  architecture: 'resnet',
  config: { strideOn: 'conv2' },
  task: 'classification',
  supervision: 'labels',
  data: 'ImageNet-1k',
  licence: 'BSD-3-Clause',
  source: 'torchvision',
  file: 'resnet50.pth',
  input: {
    height: 224,
    width: 224,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    resize: 'bilinear',
    antialias: true,
  },
  taps: ['layer*'],
};

describe('a model card', () => {
  const parse = (changes: object) => () => parseCard(JSON.stringify({ ...card, ...changes }), 'card.json');

  it('is read with the file that it names', () => {
    expect(parse({})()).toEqual({ card, file: 'resnet50.pth' });
  });

  const wrong: readonly [what: string, changes: object, message: RegExp][] = [
    [
      'a missing entry',
      { licence: undefined },
      /card\.json is not a model card: the card lacks "licence" \(Licence of the weights\.\)/,
    ],
    ['an entry of another type', { task: 3 }, /task is 3, not a text/],
    [
      'an entry that is not known',
      { colour: 'blue' },
      /the card has the unknown entry "colour"; known are name, architecture/,
    ],
    ['an entry that is misspelt', { license: 'MIT' }, /the unknown entry "license".* did you mean "licence"\?/],
    [
      'an unknown entry of the input',
      { input: { ...card.input, crop: 1 } },
      /card: input has the unknown entry "crop"; known are height, width, mean, std, resize, antialias\. docs/,
    ],
    [
      'a size of no whole number',
      { input: { ...card.input, height: 2.5 } },
      /input\.height is 2\.5, not a whole number/,
    ],
    ['a size beyond any image', { input: { ...card.input, width: 1e9 } }, /input\.width is 1000000000 .* at most 8192/],
    ['a mean beyond any', { input: { ...card.input, mean: [0, 0, 1e300] } }, /input\.mean\[2\] is 1e\+300 .* at most/],
    ['two means', { input: { ...card.input, mean: [0, 0] } }, /input\.mean must have at least 3 entries/],
    [
      'another interpolation',
      { input: { ...card.input, resize: 'area' } },
      /input\.resize is "area", not "bilinear" or "bicubic"/,
    ],
    ['a name with spaces', { name: 'my net' }, /name is "my net" and must match/],
    ['no taps', { taps: [] }, /taps is empty/],
    ['no file', { file: undefined }, /the card card\.json names no "file" with weights; add it/],
  ];
  it.each(wrong)('is refused for %s', (_, changes, message) => {
    expect(parse(changes)).toThrow(message);
  });

  it('is refused with all that is wrong, and where its form is told', () => {
    expect(parse({ task: 3, taps: [] })).toThrow(/task .*; taps .*\. docs\/model-card\.schema\.json has the form/);
  });

  it('is refused when it is no JSON', () => {
    expect(() => parseCard('{"name": ', 'card.json')).toThrow(
      /card\.json is not valid JSON \(.*\); a model card or a checkpoint/,
    );
  });
});

describe('settings', () => {
  const context: SettingsContext = {
    owner: 'net',
    choices: { stem: ['imagenet', 'cifar'], grid: 'size' },
    input: { height: 32, width: 24, mean: [0, 0, 0], std: [1, 1, 1], resize: 'bilinear', antialias: true },
    assumed: true,
  };

  it('come before what is assumed, and the rest is told', () => {
    const read = readSettings({ size: '64x48', std: '0.5, 0.5, 0.5', stem: 'cifar', grid: '4' }, context);
    expect(read.input).toEqual({ ...context.input, height: 64, width: 48, std: [0.5, 0.5, 0.5] });
    expect(read.choices).toEqual({ stem: 'cifar', grid: '4' });
    expect(read.assumed).toEqual(['mean=0,0,0', 'resize=bilinear', 'antialias=true']);
    expect(readSettings({}, { ...context, assumed: false }).assumed).toEqual([]);
    expect(readSettings({}, context).assumed[0]).toBe('size=32x24');
  });

  const wrong: readonly [key: string, value: string, message: RegExp][] = [
    ['size', '0', /--config size=0 does not fit net: a size such as 224 or 224x160 is expected/],
    ['size', '12x', /size=12x does not fit net/],
    ['size', '9000', /size=9000 does not fit net/],
    ['mean', '1,2', /mean=1,2 does not fit net: three numbers/],
    ['mean', '1,,2', /three numbers/],
    ['std', '1,0,1', /std=1,0,1 does not fit net: three positive numbers/],
    ['resize', 'area', /bilinear or bicubic is expected/],
    ['antialias', 'yes', /true or false is expected/],
    ['stem', 'large', /imagenet or cifar is expected/],
    ['grid', '3by4', /a size such as 16 or 16x12 is expected/],
    ['depth', '3', /net has no setting "depth"; its settings are size, mean, std, resize, antialias, stem, grid/],
    ['constructor', '3', /net has no setting "constructor"/],
  ];
  it.each(wrong)('%s=%s is refused', (key, value, message) => {
    expect(() => readSettings({ [key]: value }, context)).toThrow(message);
  });

  it('have sizes as height x width', () => {
    expect(parseSize('7x9')).toEqual({ height: 7, width: 9 });
    expect(parseSize('7')).toEqual({ height: 7, width: 7 });
    expect(parseSize('7 x 9')).toBeUndefined();
  });
});
