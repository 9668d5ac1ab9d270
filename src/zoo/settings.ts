// Settings of a model as people write them, `KEY=VALUE`: the input that tensors cannot tell, and choices of a family.
// It knows no family; those bring their choices.

import { UserError } from '../errors.ts';
import type { Input } from './card.ts';

export type Settings = Readonly<Record<string, string>>;

export interface Size {
  readonly height: number;
  readonly width: number;
}

export interface SettingsContext {
  readonly owner: string;
  /** Settings of the family, with the values that they may take; 'size' stands for any HEIGHTxWIDTH, 'number' for any. */
  readonly choices: Readonly<Record<string, readonly string[] | 'size' | 'number'>>;
  /** What holds where nothing is set; undefined for networks that take no images. */
  readonly input: Input | undefined;
  /** Whether that is an assumption, to be told. */
  readonly assumed: boolean;
}

const inputKeys = ['size', 'mean', 'std', 'resize', 'antialias'] as const;

/**
 * Reads settings.
 * @throws UserError for an unknown key or a value that does not fit; the message lists what is possible.
 */
export function readSettings(settings: Settings, context: SettingsContext) {
  const { owner, choices, input } = context;
  const known = [...(input ? inputKeys : []), ...Object.keys(choices)];
  const chosen: Record<string, string | number> = {};
  const changes: { -readonly [Key in keyof Input]?: Input[Key] } = {};
  for (const [key, value] of Object.entries(settings)) {
    const wrong = (expected: string): never => {
      throw new UserError(`--config ${key}=${value} does not fit ${owner}: ${expected} is expected`);
    };
    if (!known.includes(key)) {
      const list = known.length ? `its settings are ${known.join(', ')}` : 'it has none';
      throw new UserError(`${owner} has no setting "${key}"; ${list}`);
    }
    if (Object.hasOwn(choices, key)) {
      const choice = choices[key];
      if (choice === 'size') chosen[key] = parseSize(value) ? value : wrong('a size such as 16 or 16x12');
      else if (choice === 'number') chosen[key] = parseNumber(value) ?? wrong('a number');
      else chosen[key] = oneOf(value, choice) ?? wrong(choice.join(' or '));
    } else if (key === 'size') Object.assign(changes, parseSize(value) ?? wrong('a size such as 224 or 224x160'));
    else if (key === 'mean') changes.mean = parseTriple(value) ?? wrong('three numbers such as 0.5,0.5,0.5');
    else if (key === 'std') {
      const std = parseTriple(value);
      changes.std = std?.every((v) => v > 0) ? std : wrong('three positive numbers such as 0.5,0.5,0.5');
    } else if (key === 'resize') changes.resize = oneOf(value, ['bilinear', 'bicubic']) ?? wrong('bilinear or bicubic');
    else changes.antialias = (oneOf(value, ['true', 'false']) ?? wrong('true or false')) === 'true';
  }
  return {
    input: input && { ...input, ...changes },
    choices: chosen,
    assumed: context.assumed && input ? assumptions(input, settings) : [],
  };
}

function assumptions(input: Input, settings: Settings): string[] {
  const values: Record<(typeof inputKeys)[number], string> = {
    size: `${input.height}x${input.width}`,
    mean: input.mean.join(','),
    std: input.std.join(','),
    resize: input.resize,
    antialias: String(input.antialias),
  };
  return inputKeys.filter((key) => !(key in settings)).map((key) => `${key}=${values[key]}`);
}

/** `224` or `224x160` (height x width), as positive whole numbers; undefined for anything else. */
export function parseSize(text: string): Size | undefined {
  const match = /^(\d+)(?:x(\d+))?$/.exec(text);
  if (!match) return undefined;
  const [height, width] = [Number(match[1]), Number(match[2] ?? match[1])];
  return height > 0 && width > 0 && height <= 8192 && width <= 8192 ? { height, width } : undefined;
}

function parseTriple(text: string): [number, number, number] | undefined {
  const [r, g, b, ...more] = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  return more.length === 0 && [r, g, b].every(Number.isFinite) ? [r, g, b] : undefined;
}

function parseNumber(text: string): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : undefined;
}

const oneOf = <Value extends string>(value: string, allowed: readonly Value[]): Value | undefined =>
  allowed.find((one) => one === value);
