// The demo from end to end, with tiny networks of fresh weights: what it writes, and how it is taken up again.
// How the page looks is tested in test/report.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { demoCommand } from '../../../src/cli/demo/demo.ts';
import * as page from '../../../src/report/demo/page.ts';
import type { Dictionary } from '../../../src/mining/run/dictionary.ts';
import { tinyZoo } from './zoo.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-demo-'));
const at = (...names: string[]) => join(folder, ...names);
const out = at('out');
const text = (...names: string[]) => readFileSync(join(out, ...names), 'utf8');
const dictionary = () => JSON.parse(text('run', 'dictionary.json')) as Dictionary;

/** Runs the command in this process; returns what it prints. */
async function demo(...more: string[]): Promise<string> {
  const printed: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => printed.push(String(chunk)) > 0);
  try {
    // Too few images for a null: with fresh weights no pair would survive it.
    const args = ['--out', out, '--zoo', at('zoo'), '--samples', '8', '--steps', '3', '--quiet', '--no-open'];
    await demoCommand().parseAsync([...args, ...more], { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return printed.join('');
}

beforeAll(() => tinyZoo(at('zoo')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shows = [
  ...['pictures', 'translated/sample-1', 'translated/sample-2', 'translated/sample-3'],
  ...['edited/shift', 'edited/zoom', 'edited/paste', 'edited/class'],
];

describe('rosetta demo', () => {
  it('mines the zoo, searches with what was found, and shows all of it on a page', async () => {
    expect(await demo()).toBe(`${join(out, 'index.html')}\n`);
    const { models, images, options } = dictionary();
    expect(models.filter(({ role }) => role === 'zoo').map(({ name }) => name)).toEqual([
      'a',
      'b',
      'biggan',
      'stylegan-xl',
      'stylegan2',
    ]);
    expect(models.filter(({ role }) => role === 'twin')).toHaveLength(5);
    expect(images.count).toBe(24);
    expect(options.anchors).toEqual(['biggan', 'stylegan-xl', 'stylegan2']);

    const page = text('index.html');
    expect(page).not.toMatch(/<script/i);
    for (const part of ['Pictures inverted', 'Samples translated', 'Shift to the right', 'Another class']) {
      expect(page).toContain(part);
    }
    const addresses = [...page.matchAll(/href="([^"#]+)/g)].map(([, address]) => address);
    expect(addresses).toEqual(expect.arrayContaining(['run', ...shows].map((name) => `${name}/index.html`)));
    for (const address of addresses) expect(existsSync(join(out, address)), address).toBe(true);
    expect(page).not.toContain('Left out');
    // The pictures of every search are in the page, four of the drawings.
    expect(page.match(/alt="result: /g)).toHaveLength(4 + 3);
    expect(existsSync(join(out, 'pictures', 'shown.json'))).toBe(false);
    expect(JSON.parse(text('edited', 'shift.json'))).toMatchObject({
      version: 1,
      edits: [{ type: 'shift', dx: 0.25 }],
    });
    expect(JSON.parse(text('edited', 'shift', 'metrics.json'))).toMatchObject({ steps: 3, generator: 'stylegan-xl' });
  }, 300_000);

  it('shows a finished one again, and takes up an unfinished one where it was', async () => {
    const [page, { created }] = [text('index.html'), dictionary()];
    const search = text('edited', 'zoom', 'metrics.json');
    expect(await demo()).toBe(`${join(out, 'index.html')}\n`);
    expect(text('index.html')).toBe(page);

    // As it is left by a demo that was stopped before its last search.
    const making = join(out, '.rosetta-unfinished');
    mkdirSync(making);
    const { files } = JSON.parse(text('.rosetta.json')) as { files: string[] };
    for (const name of ['demo.json', 'run', 'drawn', 'pictures', 'translated', 'edited'])
      renameSync(join(out, name), join(making, name));
    for (const name of ['index.html', '.rosetta.json']) rmSync(join(out, name));
    const shown = { title: 'as it was left', lead: '', results: [] };
    for (const show of shows.filter((each) => each !== 'edited/class'))
      writeFileSync(join(making, show, 'shown.json'), JSON.stringify(shown));
    rmSync(join(making, 'edited', 'class'), { recursive: true });
    // Damaged: made anew.
    writeFileSync(join(making, 'edited', 'paste', 'shown.json'), '{"title":');
    writeFileSync(join(making, 'edited', 'shift', 'shown.json'), '{"title":"","lead":"","results":[{}]}');
    for (const name of ['paste', 'shift']) rmSync(join(making, 'edited', name, 'image.png'));
    await expect(demo('--steps', '2')).rejects.toThrow(/holds an unfinished demo with other settings .*--force/);
    await demo();
    expect(text('index.html')).toContain('Samples translated');
    expect(dictionary().created).toBe(created);
    expect(text('edited', 'zoom', 'metrics.json')).toBe(search);
    expect((JSON.parse(text('.rosetta.json')) as { files: string[] }).files.sort()).toEqual(files.sort());
    for (const name of files) expect(existsSync(join(out, name)), name).toBe(true);
    expect(existsSync(making)).toBe(false);
    // Nothing tells of the place where it was made.
    const telling = files.flatMap((name) =>
      [...text(name).matchAll(/.{60}\.rosetta-unfinished.{20}/gs)].map(([words]) => `${name}: ${words}`),
    );
    expect(telling).toEqual([]);
  });

  it('keeps a demo of other settings unless told to replace it, and until the new one is there', async () => {
    const { created } = dictionary();
    await expect(demo('--steps', '2')).rejects.toThrow(/holds a demo with other settings or networks; .*--force/);
    const settings = text('demo.json');
    writeFileSync(join(out, 'demo.json'), '{"version":');
    await expect(demo()).rejects.toThrow(/demo\.json is damaged: not valid JSON.*--force/);
    writeFileSync(join(out, 'demo.json'), settings);

    // Nothing of the old one is touched by a new one that fails.
    const failing = vi.spyOn(page, 'demoPage').mockImplementation(() => {
      throw new Error('the end');
    });
    await expect(demo('--steps', '2', '--force')).rejects.toThrow('the end');
    failing.mockRestore();
    expect(text('demo.json')).toBe(settings);
    expect(dictionary().created).toBe(created);
    expect(await demo()).toBe(`${join(out, 'index.html')}\n`);

    await demo('--steps', '2', '--force');
    expect(dictionary().created).not.toBe(created);
    expect(JSON.parse(text('edited', 'shift', 'metrics.json'))).toMatchObject({ steps: 2 });
    expect(existsSync(join(out, '.rosetta-unfinished'))).toBe(false);
  }, 300_000);

  it('keeps whatever no demo made', async () => {
    writeFileSync(join(out, 'edited', 'notes.txt'), 'mine');
    const { created } = dictionary();
    await expect(demo('--steps', '2', '--force')).rejects.toThrow(
      /notes\.txt is not a file that this program made here/,
    );
    rmSync(join(out, 'edited', 'notes.txt'));
    rmSync(join(out, '.rosetta.json'));
    for (const force of [[], ['--force']])
      await expect(demo(...force)).rejects.toThrow(/index\.html is not a file that this program made here/);
    expect(dictionary().created).toBe(created);
    expect(existsSync(join(out, 'index.html'))).toBe(true);
  });

  it('says what is missing of a zoo', async () => {
    await expect(demo('--zoo', at('none'))).rejects.toThrow(/the zoo .*none cannot be read .*--zoo/);
    renameSync(at('zoo', 'biggan.safetensors'), at('zoo', 'elsewhere'));
    await expect(demo()).rejects.toThrow(/the weights .*biggan\.safetensors of the zoo's biggan are missing; .*--zoo/);
    renameSync(at('zoo', 'biggan.json'), at('biggan.json'));
    await expect(demo()).rejects.toThrow(/has no biggan; install/);
  });
});
