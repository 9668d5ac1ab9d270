// docs/cli.md says of every option what the program does: each is there, and its default is the one that the command has.

import type { Command, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { activationsCommand } from '../../src/cli/commands/activations.ts';
import { editCommand } from '../../src/cli/commands/edit.ts';
import { exportOnnxCommand } from '../../src/cli/commands/export-onnx.ts';
import { inspectCommand } from '../../src/cli/commands/inspect.ts';
import { invertCommand } from '../../src/cli/commands/invert.ts';
import { mineCommand } from '../../src/cli/commands/mine.ts';
import { reportCommand } from '../../src/cli/commands/report.ts';
import { trainCommand } from '../../src/cli/commands/train.ts';
import { translateCommand } from '../../src/cli/commands/translate.ts';
import { demoCommand } from '../../src/cli/demo/demo.ts';

const commands: readonly Command[] = [
  demoCommand(),
  mineCommand(),
  reportCommand(),
  invertCommand(),
  translateCommand(),
  editCommand(),
  inspectCommand(),
  activationsCommand(),
  exportOnnxCommand(),
  trainCommand(),
];
const sections = new Map(
  readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    .split(/^## /m)
    .map((text) => [/^rosetta ([\w-]+)/.exec(text)?.[1] ?? '', text]),
);
/** Whose options a command has as well, told there. */
const others: Readonly<Record<string, string>> = { translate: 'invert', edit: 'translate' };

/** The text about a command, with those that it refers to. */
function textOf(name: string): string {
  const own = (sections.get(name) ?? '') + (sections.get('') ?? '');
  const other = others[name] ? textOf(others[name]) : name === 'mine' ? '' : (sections.get('mine') ?? '');
  return `${own}\n${other}`;
}

/** Name and default of each row of the tables of options; a row may be about several. */
const rowsOf = (text: string): [names: string[], value: string][] =>
  [...text.matchAll(/^\| (`--.*?) \| (.*?) \|/gm)].map(([, names, value]) => [
    [...names.matchAll(/--[\w-]+/g)].map(([name]) => name),
    value.replaceAll('`', ''),
  ]);

/** Defaults that are numbers: others depend on more, and are told in words. */
const shown = ({ defaultValue }: Option): string | undefined =>
  typeof defaultValue === 'number' ? String(defaultValue) : undefined;

describe.each(commands.map((command) => [command.name(), command] as const))('rosetta %s', (name, command) => {
  const text = textOf(name);
  const visible = command.options.filter(({ hidden }) => !hidden);

  it('has its options in docs/cli.md', () => {
    const missing = visible.map(({ long }) => long ?? '').filter((option) => !new RegExp(`${option}\\b`).test(text));
    expect(missing).toEqual([]);
  });

  it('has the defaults that docs/cli.md tells', () => {
    const told = new Map<string, string>();
    // The command's own rows come first.
    for (const [names, value] of rowsOf(text)) {
      for (const option of names) if (!told.has(option)) told.set(option, names.length > 1 ? value : `=${value}`);
    }
    for (const option of visible) {
      const value = shown(option);
      const row = told.get(option.long ?? '');
      // Several options in one row share a list of defaults.
      if (value === undefined || row === undefined || !row.startsWith('=')) continue;
      expect.soft(row.slice(1), option.long).toBe(value);
    }
  });
});
