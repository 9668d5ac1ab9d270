// What commands write: nothing of others is replaced, nothing is removed before its replacement is ready, and a process
// that is killed at any point leaves what the same command completes.

import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { expectFile, expectFolder } from '../../src/cli/output/check.ts';
import { claimFiles, openOutput, putReady } from '../../src/cli/output/folder.ts';
import { unfinished } from '../../src/files/folder.ts';
import { goldenFile, workplace } from './rosetta.ts';

const { at, run } = workplace();
const kind = {
  last: 'metrics.json',
  held: 'holds finished results; choose another folder, or replace them with --force',
};

/** All files of a folder with what they hold. */
const contents = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')]),
  );

/** Makes results in a folder: texts by name. */
async function make(path: string, files: Record<string, string>, force = false): Promise<void> {
  const output = await openOutput(path, kind, force);
  await output.expect(Object.keys(files));
  for (const [name, text] of Object.entries(files)) await output.folder.write(name, [text]);
  await output.finish(Object.keys(files));
}

const first = { 'metrics.json': '1', 'image.png': 'one', 'a/way.webp': 'way' };
const second = { 'metrics.json': '2', 'image.png': 'two', 'b/way.webp': 'other' };
const resultsIn = (path: string) => {
  const { '.rosetta.json': list, ...files } = contents(path);
  expect([...(JSON.parse(list) as { files: string[] }).files].sort()).toEqual(Object.keys(files).sort());
  return files;
};

describe('a folder of results', () => {
  it('is replaced as a whole, and only when the new ones are ready', async () => {
    const path = at('replaced');
    await make(path, first);
    expect(resultsIn(path)).toEqual(first);
    await expect(openOutput(path, kind)).rejects.toThrow(/replaced holds finished results; .*--force/);
    const output = await openOutput(path, kind, true);
    await output.folder.write('image.png', ['half']);
    expect(readFileSync(join(path, 'image.png'), 'utf8')).toBe('one');
    expect(existsSync(join(path, 'metrics.json'))).toBe(true);
    await make(path, second, true);
    expect(resultsIn(path)).toEqual(second);
    expect(existsSync(join(path, 'a'))).toBe(false);
  });

  it.each([false, true])('leaves files of others alone, with --force too: %j', async (force) => {
    const path = at(`foreign-${force}`);
    await make(path, first);
    rmSync(join(path, 'metrics.json'));
    mkdirSync(join(path, 'b'));
    writeFileSync(join(path, 'b', 'way.webp'), 'mine');
    writeFileSync(join(path, 'notes.txt'), 'mine too');
    await expect(make(path, second, force)).rejects.toThrow(/way\.webp is not a file that this program made here/);
    expect(readFileSync(join(path, 'b', 'way.webp'), 'utf8')).toBe('mine');
    expect(readFileSync(join(path, 'image.png'), 'utf8')).toBe('one');
    rmSync(join(path, 'b'), { recursive: true });
    await make(path, second, force);
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('mine too');
  });

  it('leaves a file alone that appears while results are made, and keeps them', async () => {
    const path = at('meanwhile');
    const output = await openOutput(path, kind);
    await output.folder.write('metrics.json', ['1']);
    writeFileSync(join(path, 'metrics.json'), 'mine');
    await expect(output.finish(['metrics.json'])).rejects.toThrow(/not a file that this program made here/);
    expect(readFileSync(join(path, 'metrics.json'), 'utf8')).toBe('mine');
    expect(readFileSync(join(output.path, 'metrics.json'), 'utf8')).toBe('1');
  });

  it.each([
    [
      'a finished folder without a list',
      { 'metrics.json': '{}' },
      /metrics\.json is not a file that this program made/,
    ],
    ['what another command made', { '.rosetta.json': '{"program":"rosetta-neurons","last":"dictionary.json","files":[]}' }, /what another command made/], // prettier-ignore
    ['a damaged list', { '.rosetta.json': '{"files":' }, /\.rosetta\.json does not list what this program made/],
    ['a list of files elsewhere', { '.rosetta.json': '{"program":"rosetta-neurons","last":"metrics.json","files":["../x"]}' }, /lists files outside/], // prettier-ignore
    ['a file where results are made', { [unfinished]: '' }, /is in the way: it is not a folder/],
  ])('is not %s', async (what, files, message) => {
    const path = at(what.replaceAll(' ', '-'));
    mkdirSync(path);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
    await expect(make(path, first, true)).rejects.toThrow(message);
    expect(contents(path)).toEqual(files);
  });

  it('is not a file, nor is a folder a file of it, nor a link', async () => {
    const path = at('kinds');
    mkdirSync(join(path, 'image.png'), { recursive: true });
    await expect(make(path, first)).rejects.toThrow(/image\.png is in the way: it is a folder/);
    rmSync(join(path, 'image.png'), { recursive: true });
    writeFileSync(join(path, 'a'), '');
    await expect(make(path, first)).rejects.toThrow(/a is in the way: it is not a folder/);
    rmSync(join(path, 'a'));
    symlinkSync(at('elsewhere'), join(path, 'image.png'));
    await expect(make(path, first)).rejects.toThrow(/not a file that this program made here/);
    await expect(expectFolder(join(path, 'image.png', 'x'))).rejects.toThrow(/cannot write to/);
  });

  it('is completed from every state that a kill may leave while results are put in place', async () => {
    // As when all is ready: then each of the steps, the folder as it was copied before every change.
    const path = at('steps');
    await make(path, first);
    const output = await openOutput(path, kind, true);
    for (const [name, text] of Object.entries(second)) await output.folder.write(name, [text]);
    await output.folder.write('ready.json', [JSON.stringify({ files: Object.keys(second) })]);
    const list = (files: string[]) => JSON.stringify({ program: 'rosetta-neurons', last: kind.last, files });
    const moved = (name: string) => (folder: string) => {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      cpSync(join(folder, unfinished, name), join(folder, name));
      rmSync(join(folder, unfinished, name));
    };
    const union = [...new Set([...Object.keys(first), ...Object.keys(second)])];
    const changes: ((folder: string) => void)[] = [
      (folder) => writeFileSync(join(folder, '.rosetta.json'), list(union)),
      (folder) => rmSync(join(folder, 'metrics.json')),
      (folder) => rmSync(join(folder, 'a', 'way.webp')),
      (folder) => rmSync(join(folder, 'a'), { recursive: true }),
      moved('image.png'),
      moved('b/way.webp'),
      moved('metrics.json'),
      (folder) => writeFileSync(join(folder, '.rosetta.json'), list(Object.keys(second))),
      (folder) => rmSync(join(folder, unfinished, 'b'), { recursive: true }),
    ];
    for (const [i, change] of [() => {}, ...changes].entries()) {
      change(path);
      const copy = at(`steps-${i}`);
      cpSync(path, copy, { recursive: true });
      expect(await putReady(copy, kind)).toBe(true);
      expect(resultsIn(copy)).toEqual(second);
      expect(await putReady(copy, kind)).toBe(false);
    }
  });
});

it('files that are written in place are claimed before', async () => {
  const path = at('claimed');
  mkdirSync(path);
  writeFileSync(join(path, 'log.jsonl'), 'mine');
  const claim = () => claimFiles(path, kind.last, ['metrics.json', 'log.jsonl']);
  await expect(claim()).rejects.toThrow(/log\.jsonl is not a file that this program made here/);
  rmSync(join(path, 'log.jsonl'));
  await claim();
  writeFileSync(join(path, 'log.jsonl'), 'ours');
  await claim();
});

describe('a file to be written', () => {
  const example = 'x.html';
  it.each([
    ['a folder', '.', /is a folder; give a file to --out, such as .*x\.html/],
    ['in a file', 'plain.txt/x.html', /cannot write to .*plain\.txt: it is a file, not a folder/],
    ['a file of others', 'plain.txt', /plain\.txt is not a file that this program made/],
    ['an input', 'input.txt', /input\.txt would be written over .*, which is read/],
    ['a link to an input', 'link.txt', /link\.txt would be written over .*, which is read/],
  ])('is not %s', async (_, name, message) => {
    for (const each of ['plain.txt', 'input.txt']) writeFileSync(at(each), each === 'input.txt' ? 'mark' : 'mine');
    if (!existsSync(at('link.txt'))) symlinkSync(at('input.txt'), at('link.txt'));
    const check = expectFile(at(name), { mark: 'mark', inputs: [at('input.txt')], example });
    await expect(check).rejects.toThrow(message);
  });

  it('may be our own, or anywhere where folders can be made', async () => {
    writeFileSync(at('ours'), 'with a mark');
    await expectFile(at('ours'), { mark: 'mark', example });
    await expectFile(at('new/folders/file'), { mark: 'mark', example });
    expect(existsSync(at('new'))).toBe(false);
  });
});

describe('commands refuse before they work', () => {
  const model = `a=${goldenFile('torchvision_resnet50/resnet50_small.pth')}`;
  const missing = ['--model', 'a=missing.pth', '--model', 'b=missing.pth'];
  it.each([
    ['export-onnx into a folder', () => ['export-onnx', model, '--out', 'folder'], /folder is a folder; give a file/],
    ['export-onnx over weights of others', () => ['export-onnx', model, '--out', 'net.onnx'], /net\.onnx\.data, where the weights go, is not a file/], // prettier-ignore
    ['export-onnx over its model', () => ['export-onnx', 'a=own.pth', '--out', 'own.pth'], /own\.pth would be written over own\.pth/], // prettier-ignore
    ['activations over photos', () => ['activations', '--model', 'a=own.pth', '--input', 'in.png', '--out', 'in.png'], /in\.png would be written over in\.png/], // prettier-ignore
    ['activations of no photos', () => ['activations', '--model', 'a=missing.pth', '--input', 'none', '--out', 'x.safetensors'], /none cannot be opened/], // prettier-ignore
    [
      'report below a file',
      () => ['report', 'run', '--out', 'in.png/x.html'],
      /cannot write to .*in\.png: it is a file, not a folder/,
    ],
    ['report over a page of others', () => ['report', 'run', '--out', 'folder/page.html'], /page\.html is not a file that this program made/], // prettier-ignore
    ['mine without photos', () => ['mine', ...missing, '--images', 'none', '--out', 'm'], /none cannot be opened/],
    ['mine into a file', () => ['mine', ...missing, '--images', 'folder', '--out', 'in.png'], /cannot write to in\.png: it is a file/], // prettier-ignore
    ['mine over files of others', () => ['mine', ...missing, '--images', 'folder', '--out', 'taken', '--force'], /neighbours.notes\.txt is not a file that this program made/], // prettier-ignore
    ['invert over files of others', () => ['invert', 'in.png', '-g', model, '--run', 'run', '--out', 'taken', '--force'], /image\.png is not a file that this program made/], // prettier-ignore
    ['invert into its run', () => ['invert', 'in.png', '-g', model, '--run', 'run', '--out', 'run'], /run holds what another command made/], // prettier-ignore
    ['train over its recipe', () => ['train', 'tiny.json', '--data', 'folder', '--out', '.'], /tiny\.json would be written over tiny\.json/], // prettier-ignore
    ['train over a network of others', () => ['train', 'tiny.json', '--data', 'folder', '--out', 'taken'], /taken.tiny\.safetensors is not a file that this program made/], // prettier-ignore
  ])('%s', async (_, args, message) => {
    mkdirSync(at('folder'), { recursive: true });
    mkdirSync(at('taken/neighbours'), { recursive: true });
    mkdirSync(at('run'), { recursive: true });
    writeFileSync(
      at('run/.rosetta.json'),
      '{"program":"rosetta-neurons","last":"dictionary.json","files":["index.html"]}',
    );
    cpSync(goldenFile('torchvision_resnet50/resnet50_small.pth'), at('own.pth'));
    const recipe = JSON.parse(
      readFileSync(new URL('../../zoo/recipes/class-resnet.json', import.meta.url), 'utf8'),
    ) as object;
    writeFileSync(at('tiny.json'), JSON.stringify({ ...recipe, name: 'tiny' }));
    const files = ['net.onnx.data', 'folder/page.html', 'taken/image.png', 'taken/neighbours/notes.txt', 'taken/tiny.safetensors', 'run/index.html']; // prettier-ignore
    const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: '#4080c0' } });
    if (!existsSync(at('in.png'))) await picture.png().toFile(at('in.png'));
    for (const file of files) if (!existsSync(at(file))) writeFileSync(at(file), 'mine');
    const before = contents(at('.'));
    const { code, err } = await run(...args());
    expect(err).toMatch(message);
    expect(code).toBe(1);
    expect(contents(at('.'))).toEqual(before);
  });
});
