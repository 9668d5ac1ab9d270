// `rosetta activations`: the maps of a model's taps, and its output, as a safetensors file.

import { Command, Option } from 'commander';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { openCheckpoint } from '../../checkpoint/checkpoint.ts';
import { openFile, writeSafetensorsFile } from '../../checkpoint/node.ts';
import { UserError } from '../../errors.ts';
import { toFloat32, type Float32Tensor } from '../../graph/tensor.ts';
import { openPhotos, type PhotoSource } from '../../images/node/source.ts';
import { collectActivations, type OwnInput } from '../../mining/correlation/activations.ts';
import type { Device } from '../../runtime/engine.ts';
import { program } from '../../program.ts';
import { nodeEngine } from '../../runtime/node.ts';
import { truncationFor } from '../generator-options.ts';
import { interruptible } from '../interruptible.ts';
import { locate, openModels } from '../models.ts';
import { defaultMemory, photoShare, shared, wholeNumber, type ModelOption } from '../options.ts';
import { activationsMark, expectFile, expectReadable } from '../output/check.ts';
import { ProgressPrinter } from '../progress.ts';
import { noteSkipped } from '../skipped.ts';
import { printJson, printLines } from '../terminal.ts';
import { present } from '../../lookup.ts';

interface ActivationsOptions {
  model: ModelOption[];
  input: string;
  out: string;
  truncation?: string[];
  noise: 'const' | 'none';
  samples?: number;
  seed: number;
  taps?: string[];
  config?: string[];
  cache?: string;
  batch: number;
  memory?: number;
  maxPixels?: number;
  device: Device;
  threads?: number;
  strict?: boolean;
  quiet?: boolean;
  json?: boolean;
}

export function activationsCommand(): Command {
  return new Command('activations')
    .description("write the maps of a model's layers to a .safetensors file")
    .addOption(shared.model().makeOptionMandatory())
    .requiredOption(
      '-i, --input <path>',
      'photos, or a .safetensors file with the network\'s own input: "x"; of generators "z" (and "c", one-hot), "w" or "ws"',
    )
    .requiredOption(
      '-o, --out <file>',
      'the .safetensors file: a tensor [n, channels, height, width] per layer, and "output"',
    )
    .option('-n, --samples <n>', 'how many photos (default: all)', wholeNumber(1))
    .option('-s, --seed <n>', 'which photos', wholeNumber(0), 0)
    .addOption(shared.truncation())
    .addOption(new Option('--noise <kind>', 'noise of StyleGAN2').choices(['const', 'none']).default('const'))
    .addOption(shared.taps())
    .addOption(shared.config())
    .addOption(shared.cache())
    .option('--batch <n>', 'images computed at once', wholeNumber(1), 16)
    .addOption(shared.memory())
    .addOption(shared.maxPixels())
    .addOption(shared.device())
    .addOption(shared.threads())
    .addOption(shared.strict())
    .option('-q, --quiet', 'no progress')
    .addOption(shared.json())
    .action(run);
}

async function run(options: ActivationsOptions): Promise<void> {
  if (options.model.length > 1) throw new UserError('activations are of one model at a time; give --model once');
  const [{ name, file }] = options.model;
  const { path } = await locate(file, options.cache);
  const inputs = [path, options.input];
  await expectFile(options.out, { mark: activationsMark, inputs, example: `${name}.safetensors` });
  await expectReadable(options.input);
  const own = await ownInput(options.input);
  const printer = new ProgressPrinter(process.stderr, options.quiet);
  const engine = nodeEngine({ device: options.device, threads: options.threads });
  const [model] = await openModels(options.model, options, printer);
  const settings = { engine, model, batch: options.batch, memory: options.memory ?? defaultMemory() };

  if (!own && model.kind === 'generator')
    throw new UserError(`${model.name} is a generator: give a .safetensors file with "z", "w" or "ws" to --input`);
  const fallback = model.kind === 'encoder' ? model.card.input : { height: 0, width: 0 };
  const photos = own
    ? undefined
    : await openPhotos(options.input, { ...options, fallback, memory: photoShare(settings.memory) });
  const input = photos ? { source: photos, samples: photos.samples } : present(own, 'input');
  const truncation = truncationFor(options.truncation, model.name, [model.name]);
  const generator = { noise: options.noise, ...(truncation !== undefined && { truncation }) };
  try {
    const note = 'stopping after this batch; nothing is written (press again to stop at once)';
    const tensors = await interruptible(
      (signal) =>
        collectActivations({
          ...settings,
          generator,
          input,
          onProgress: (progress) => printer.update(progress),
          signal,
        }),
      { onStop: () => printer.note(note), message: 'interrupted; nothing was written' },
    );
    const unreadable = photos?.unreadable ?? [];
    const used = photos && usedNames(photos);
    const metadata = used && { images: JSON.stringify(used), unreadable: JSON.stringify(unreadable) };
    await mkdir(dirname(resolve(options.out)), { recursive: true });
    await writeSafetensorsFile(options.out, tensors, { program: program.name, model: model.name, ...metadata });
    noteSkipped(unreadable, printer, `the metadata of ${options.out}`);
    const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
    const text = Object.entries(shapes).map(([name, shape]) => `${name} [${shape.join(', ')}]`);
    if (unreadable.length) text.push(`${used?.length} photos; ${unreadable.length} could not be read`);
    if (options.json)
      printJson({ file: options.out, tensors: shapes, ...(used && { images: used.length, unreadable }) });
    else printLines(...text);
  } finally {
    await photos?.close();
  }
}

const usedNames = (photos: PhotoSource): string[] => {
  const lost = new Set(photos.unreadable.map(({ name }) => name));
  return photos.samples.map((i) => photos.names[i]).filter((name) => !lost.has(name));
};

/** The network's own input in a safetensors file, by name; undefined when the path is not one. */
async function ownInput(path: string): Promise<OwnInput | undefined> {
  if (!path.endsWith('.safetensors')) return undefined;
  const source = await openFile(path);
  try {
    const { tensors } = await openCheckpoint(source);
    const input: Record<string, Float32Tensor> = {};
    for (const name of ['x', 'z', 'c', 'w', 'ws']) {
      const tensor = tensors.get(name);
      if (tensor) input[name] = { dtype: 'float32', shape: tensor.shape, data: toFloat32(await tensor.load()) };
    }
    if (!Object.keys(input).length)
      throw new UserError(
        `${path} has no tensor "x", "z", "w" or "ws"; it has ${[...tensors.keys()].slice(0, 8).join(', ') || 'none'}`,
      );
    return input;
  } finally {
    await source.close();
  }
}
