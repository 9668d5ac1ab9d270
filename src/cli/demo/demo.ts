// `rosetta demo`: mines the shipped zoo, inverts, translates and edits with what was found, and shows it on one page.
// What is mined and made is in mine.ts and shows.ts; here it is put in order, and taken up again.

import { Command } from 'commander';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import Type from 'typebox';
import { UserError } from '../../errors.ts';
import { program } from '../../program.ts';
import { readJson } from '../../files/json.ts';
import type { Folder } from '../../files/folder.ts';
import { nodeEngine, nodeFolder } from '../../runtime/node.ts';
import { readDictionary } from '../../mining/run/read-run.ts';
import type { SynthesisPage } from '../../report/synthesis/page.ts';
import { pageOf, savedPageSchema } from '../../report/synthesis/saved.ts';
import { brightConcept } from './concept.ts';
import { demoMining } from './mine.ts';
import { showPage } from './open.ts';
import { writeDemoPage, type FinishedShow } from './result.ts';
import { demoShows } from './shows.ts';
import { openZoo, roles, shippedZoo } from './zoo.ts';
import { interruptible } from '../interruptible.ts';
import { inFolder, openOutput, putReady, type OutputFolder, type OutputKind } from '../output/folder.ts';
import { filesAmong, kindOf, readList } from '../output/list.ts';
import { shared, wholeNumber } from '../options.ts';
import { ProgressPrinter, duration, type Step } from '../progress.ts';
import { printLines } from '../terminal.ts';

interface DemoCommandOptions {
  out: string;
  samples: number;
  steps: number;
  zoo: string;
  open: boolean;
  threads?: number;
  force?: boolean;
  quiet?: boolean;
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('mine, invert, translate and edit with the shipped zoo, and show the results on one page')
    .option('-o, --out <folder>', 'folder of the demo; an interrupted one resumes', 'rosetta-demo')
    .option('-n, --samples <n>', 'images that are mined, of each generator', wholeNumber(8), 150)
    .option('--steps <n>', 'steps of each search', wholeNumber(1), 100)
    .option('--zoo <folder>', 'networks with their cards (default: those that are shipped)', shippedZoo)
    .option('--no-open', 'do not open the page')
    .option('--force', 'replace the demo in the folder, once the new one is ready')
    .addOption(shared.threads())
    .option('-q, --quiet', 'no progress')
    .action((options: DemoCommandOptions) => inFolder(options.out, () => run(options)));
}

/** Written when the demo begins: what is in the folder is of these settings. */
const settingsName = 'demo.json';
const settingsSchema = Type.Object({
  version: Type.String(),
  samples: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  steps: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  zoo: Type.String(),
});

const kind: OutputKind = {
  last: 'index.html',
  held: 'holds a demo with other settings or networks; choose another folder with --out, or replace it with --force',
};

/** All that a demo may have; folders end in '/'. */
const names = [settingsName, 'run/', 'drawn/', 'pictures/', 'translated/', 'edited/', kind.last];

async function run(options: DemoCommandOptions): Promise<void> {
  const { out, steps, samples, quiet, force } = options;
  const printer = new ProgressPrinter(process.stderr, quiet);
  const zoo = await openZoo(options.zoo);
  const settings = JSON.stringify({ version: program.version, samples, steps, zoo: zoo.sha256 });
  await putReady(out, kind);
  if (force || !(await isFinished(out, settings))) {
    const output = await openOutput(out, kind, force);
    await output.expect(names);
    await takeUp(output, settings, options);
    const begun = performance.now();
    printer.note(
      `${zoo.models.length} networks; about three minutes on two cores. Ctrl-C stops; rerun the same command to resume.`,
    );
    await interruptible((signal) => make(output, zoo, options, printer, signal), {
      onStop: () =>
        printer.note('stopping after this step; rerun the same command to resume (press again to stop at once)'),
    });
    const files = await filesAmong(output.path, names);
    await output.finish(files.filter((name) => basename(name) !== shownName));
    printer.note(`done in ${duration((performance.now() - begun) / 1000)}`);
  }
  const page = join(out, kind.last);
  printLines(page);
  if (options.open) showPage(page);
}

/** Whether the folder holds a whole demo of these settings. @throws UserError when its settings are damaged. */
async function isFinished(out: string, settings: string): Promise<boolean> {
  const list = await readList(out, kind.last);
  if (!list?.files.includes(kind.last) || !(await kindOf(join(out, kind.last)))) return false;
  const bytes = await nodeFolder(out).read(settingsName);
  const problem = bytes ? readJson(settingsSchema, bytes).problem : 'it is missing';
  if (problem !== undefined) {
    throw new UserError(
      `${join(out, settingsName)} is damaged: ${problem}; choose another folder with --out, or replace the demo with --force`,
    );
  }
  return new TextDecoder().decode(bytes) === settings;
}

/**
 * Begins a demo, or goes on with one of the same settings.
 * @throws UserError when one of other settings was begun that is not to be replaced.
 */
async function takeUp({ folder }: OutputFolder, settings: string, { out, force }: DemoCommandOptions): Promise<void> {
  const bytes = await folder.read(settingsName);
  const begun = bytes && readJson(settingsSchema, bytes).problem === undefined;
  if (begun && new TextDecoder().decode(bytes) === settings) return;
  if (begun && !force) {
    throw new UserError(
      `${out} holds an unfinished demo with other settings or networks; choose another folder with --out, or replace it with --force`,
    );
  }
  for (const name of names) await folder.remove(name);
  await folder.write(settingsName, [settings]);
}

/** Says of which part of the demo the progress is; what the commands note of themselves is left out. */
class PartPrinter extends ProgressPrinter {
  part = '';

  override update(step: Step): void {
    super.update({ ...step, stage: `${this.part}, ${step.stage}` });
  }

  override note(): void {}
}

async function make(
  { path: making, folder }: OutputFolder,
  zoo: Awaited<ReturnType<typeof openZoo>>,
  options: DemoCommandOptions,
  printer: ProgressPrinter,
  signal: AbortSignal,
): Promise<void> {
  const { out, samples, steps } = options;
  const parts = new PartPrinter(printer.stream, printer.quiet);
  const path = join(making, 'run');
  parts.part = 'mining';
  await demoMining({
    zoo,
    run: path,
    samples,
    engine: nodeEngine({ threads: options.threads }),
    printer: parts,
    signal,
  });
  const dictionary = await readDictionary(nodeFolder(path), path);
  const pictures = await drawnPictures(folder);
  const lit = await brightConcept(nodeFolder(path), path, dictionary, roles.into);
  const shows = demoShows({ out, making, zoo, dictionary, steps, pictures, lit, threads: options.threads });
  const finished: FinishedShow[] = [];
  for (const [i, show] of shows.entries()) {
    const known = await shownBefore(folder, `${show.folder}/${shownName}`, printer);
    parts.part = `${i + 1} of ${shows.length}: ${show.title.toLowerCase()}`;
    if (known) finished.push({ ...show, page: known });
    else {
      try {
        const { page } = await show.make(parts, signal);
        await folder.write(`${show.folder}/${shownName}`, [JSON.stringify(page)]);
        finished.push({ ...show, page });
      } catch (error) {
        // Networks that share too little leave nothing to search with: the page says so.
        if (!(error instanceof UserError)) throw error;
        printer.note(`${show.title}: ${error.message}`);
        finished.push({ ...show, missing: error.message });
      }
    }
  }
  await writeDemoPage(folder, path, dictionary, finished);
}

/** Of a finished show, until the page is written: what the page needs of it. */
const shownName = 'shown.json';

async function shownBefore(folder: Folder, name: string, printer: ProgressPrinter): Promise<SynthesisPage | undefined> {
  const bytes = await folder.read(name);
  if (!bytes) return undefined;
  const { problem, value } = readJson(savedPageSchema, bytes);
  if (problem === undefined) return pageOf(value);
  printer.note(`${name} of the unfinished demo is damaged; this part begins anew`);
  return undefined;
}

/** Side of the drawn pictures in pixels. */
const drawnSide = 256;

/** The pictures that are shipped as drawings, as images in the demo's folder: searches take no drawings. Returns their names. */
async function drawnPictures(folder: Folder): Promise<string[]> {
  const shipped = join(shippedZoo, 'pictures');
  const names = (await readdir(shipped)).filter((name) => name.endsWith('.svg')).sort();
  const files: string[] = [];
  for (const name of names) {
    const file = `drawn/${name.replace(/\.svg$/, '.png')}`;
    const drawing = sharp(join(shipped, name), { density: 288 }).resize(drawnSide, drawnSide);
    await folder.write(file, [await drawing.png().toBuffer()]);
    files.push(file);
  }
  return files;
}
