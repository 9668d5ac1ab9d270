// `rosetta export-onnx`: a model as an .onnx file for other programs, its weights in a file beside it.

import { Command, Option } from 'commander';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { fileError } from '../../files/node/system-error.ts';
import { saveOnnx } from '../../runtime/node.ts';
import { modelGraph, type ExportOptions } from '../../zoo/export.ts';
import { truncationFor } from '../generator-options.ts';
import { locate, openModels } from '../models.ts';
import { parseModel, shared, wholeNumber, type ModelOption } from '../options.ts';
import { expectFile, expectNoInput, onnxMark } from '../output/check.ts';
import { inFolder } from '../output/folder.ts';
import { kindOf } from '../output/list.ts';
import { ProgressPrinter } from '../progress.ts';
import { printJson, printLines } from '../terminal.ts';

interface ExportCommandOptions {
  out: string;
  batch: number;
  input?: NonNullable<ExportOptions['input']>;
  truncation?: string[];
  noise: 'const' | 'none';
  taps?: string[];
  config?: string[];
  cache?: string;
  quiet?: boolean;
  json?: boolean;
}

export function exportOnnxCommand(): Command {
  return new Command('export-onnx')
    .description('write a model as an .onnx file for other programs')
    .argument('<model>', 'NAME of a model of the zoo, FILE, or NAME=FILE', (text) => parseModel(text))
    .requiredOption('-o, --out <file>', 'the .onnx file; weights go beside it, into FILE.data')
    .option('--batch <n>', 'images of a run: the graph has this size only', wholeNumber(1), 1)
    .addOption(
      new Option(
        '--input <kind>',
        'encoders: images in [0, 1] (default) or x, normalised; generators: z (default), w or ws',
      ).choices(['images', 'x', 'z', 'w', 'ws']),
    )
    .addOption(shared.truncation())
    .addOption(new Option('--noise <kind>', 'noise of StyleGAN2').choices(['const', 'none']).default('const'))
    .addOption(shared.taps())
    .addOption(shared.config())
    .addOption(shared.cache())
    .option('-q, --quiet', 'no progress')
    .addOption(shared.json())
    .action(run);
}

async function run([named]: ModelOption[], options: ExportCommandOptions): Promise<void> {
  const out = resolve(options.out);
  // Always the same folder, so that what a killed process left is taken over. What is in it goes to `out` and `out`.data.
  const folder = join(dirname(out), `.${basename(out)}.rosetta-unfinished`);
  const { path } = await locate(named.file, options.cache);
  await expectFile(options.out, { mark: onnxMark, inputs: [path], example: `${named.name}.onnx` });
  await expectNoInput(`${options.out}.data`, [path]);
  const weights = await kindOf(`${out}.data`);
  if (weights && !((await kindOf(out)) ?? (await kindOf(join(folder, basename(out))))))
    throw new UserError(
      `${options.out}.data, where the weights go, is not a file that this program made; move it away, or choose another with --out`,
    );
  if (weights && !weights.isFile())
    throw new UserError(`${options.out}.data, where the weights go, is not a regular file`);
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  const [model] = await openModels([named], options, printer);
  const allowed = model.kind === 'encoder' ? ['images', 'x'] : ['z', 'w', 'ws'];
  if (options.input && !allowed.includes(options.input)) {
    throw new UserError(`${model.name} takes no input "${options.input}"; give ${allowed.join(' or ')} to --input`);
  }
  const truncation = truncationFor(options.truncation, model.name, [model.name]);
  const generator = { noise: options.noise, ...(truncation !== undefined && { truncation }) };
  const graph = modelGraph(model, { batch: options.batch, input: options.input, generator });

  // The model refers to its weights by the name that their file will have.
  await inFolder(folder, async () => {
    try {
      await saveOnnx(graph, join(folder, basename(out)));
      // The weights first: a model without them would look whole.
      await rename(join(folder, `${basename(out)}.data`), `${out}.data`);
      await rename(join(folder, basename(out)), out);
    } catch (error) {
      throw fileError('write', options.out, error);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  const shapes = (values: typeof graph.inputs) => values.map(({ name, shape }) => ({ name, shape }));
  const result = { file: options.out, inputs: shapes(graph.inputs), outputs: shapes(graph.outputs) };
  const lines = [...result.inputs, ...result.outputs].map(({ name, shape }) => `${name} [${shape?.join(', ')}]`);
  if (options.json) printJson(result);
  else printLines(...lines);
}
