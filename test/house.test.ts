// The rules of the house: what the lint refuses, and how folders and files are laid out. docs/architecture.md explains them.

import { ESLint } from 'eslint';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

describe('the lint', () => {
  const eslint = new ESLint();
  /** The rules that a file of this text, in the place of one that exists, breaks. */
  const broken = async (filePath: string, text: string) =>
    (await eslint.lintText(text, { filePath })).flatMap(({ messages }) => messages.map(({ ruleId }) => ruleId));

  it.each([
    ['an arrow that runs up', 'src/graph/dims.ts', "import '../zoo/model.ts';\n", 'import-x/no-restricted-paths'],
    [
      'an arrow between neighbours',
      'src/mining/mine.ts',
      "import '../training/index.ts';\n",
      'import-x/no-restricted-paths',
    ],
    ['a ground floor that looks up', 'src/random.ts', "import './graph/dims.ts';\n", 'import-x/no-restricted-paths'],
    ['a circle', 'src/graph/dims.ts', "export { inferShapes } from './infer.ts';\n", 'import-x/no-cycle'],
    ['a module of Node', 'src/mining/mine.ts', "import 'node:fs';\n", 'no-restricted-imports'],
    ['a module for Node', 'src/mining/mine.ts', "import '../runtime/node.ts';\n", 'no-restricted-imports'],
    ['a library for Node', 'src/images/source.ts', "import 'sharp';\n", 'no-restricted-imports'],
    ['a lazy one', 'src/images/source.ts', "await import('node:fs');\n", 'no-restricted-syntax'],
    ['a global of Node', 'src/mining/mine.ts', 'process.cwd();\n', 'no-restricted-globals'],
    [
      'privacy of the type checker alone',
      'src/graph/dims.ts',
      'export class Size {\n  private n = 1;\n}\n',
      'no-restricted-syntax',
    ],
    [
      'privacy in a parameter',
      'src/runtime/node.ts',
      'export class Size {\n  constructor(private n: number) {}\n}\n',
      'no-restricted-syntax',
    ],
    [
      'a missing value that is said to be there',
      'src/graph/dims.ts',
      'export const first = (list?: number[]) => list![0];\n',
      '@typescript-eslint/no-non-null-assertion',
    ],
    ['printing', 'src/mining/mine.ts', "console.log('');\n", 'no-console'],
    ['exiting', 'src/runtime/node.ts', 'process.exit(1);\n', 'no-restricted-properties'],
    ['the inside of the library', 'bench/run.ts', "import '../dist/random.js';\n", 'no-restricted-imports'],
  ])('refuses %s', async (_, file, text, rule) => expect(await broken(file, text)).toContain(rule));

  it.each([
    ['src/zoo/model.ts', "import '../graph/dims.ts';\n"],
    ['src/images/node/source.ts', "import 'node:fs';\n"],
    ['src/runtime/node.ts', "import 'node:fs';\n"],
    ['src/cli/main.ts', "import 'node:fs';\nconsole.log(process.argv);\n"],
    ['src/graph/dims.ts', 'export class Size {\n  #n = 1;\n  next = (): number => ++this.#n;\n}\n'],
    ['bench/run.ts', "import 'rosetta-neurons';\n"],
  ])('allows in %s: %j', async (file, text) => expect(await broken(file, text)).toEqual([]));
});

const limit = 24;
/** Folders with their own files, those of generated data left out. */
function folders(root: string): { folder: string; files: string[] }[] {
  const entries = readdirSync(root, { withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory() && !['golden', 'images', 'api'].includes(entry.name));
  return [
    { folder: root, files: entries.filter((entry) => entry.isFile()).map(({ name }) => name) },
    ...below.flatMap(({ name }) => folders(join(root, name))),
    // The room of images in src/ is code.
    ...(root === 'src' || root === 'test' ? folders(join(root, 'images')) : []),
  ];
}
const all = ['src', 'test', 'bench', 'experiments', 'examples', 'docs'].flatMap(folders);

/** Names that differ by one letter that one of them has more: a thing and its plural. */
const nearly = (a: string, b: string) =>
  b.length === a.length + 1 && [...b].some((_, i) => b.slice(0, i) + b.slice(i + 1) === a);

describe('a folder', () => {
  it(`has at most ${limit} files`, () => {
    expect(all.filter(({ files }) => files.length > limit).map(({ folder }) => folder)).toEqual([]);
  });

  it('has no two files that differ by one letter', () => {
    const stem = (file: string) => file.replace(/\..*$/, '');
    const pairs = all.flatMap(({ folder, files }) =>
      files.flatMap((a) => files.filter((b) => nearly(stem(a), stem(b))).map((b) => `${folder}: ${a}, ${b}`)),
    );
    expect(pairs).toEqual([]);
  });

  it('is no prefix of its files', () => {
    const prefixed = all.flatMap(({ folder, files }) =>
      files.filter((file) => file.startsWith(`${basename(folder)}-`)).map((file) => join(folder, file)),
    );
    expect(prefixed).toEqual([]);
  });
});

it('files make no circle, of types neither, which the lint does not look at', () => {
  const files = folders('src').flatMap(({ folder, files: own }) => own.map((file) => join(folder, file)));
  const importing = /^(?:import|export)\b[^;]*?from '(\.[^']+)';/gms;
  const imports = new Map(
    files.map((file) => [
      file,
      [...readFileSync(file, 'utf8').matchAll(importing)].map(([, path]) => join(dirname(file), path)),
    ]),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
    if (way.includes(file) || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});
