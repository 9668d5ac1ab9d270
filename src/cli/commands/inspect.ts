// `rosetta inspect`: what is in a checkpoint, a model card, an .onnx file, or a run.

import { Command } from 'commander';
import { stat } from 'node:fs/promises';
import { openCheckpoint, stateDict, type TensorRef } from '../../checkpoint/checkpoint.ts';
import { openFile } from '../../checkpoint/node.ts';
import { UserError } from '../../errors.ts';
import type { Graph, ValueInfo } from '../../graph/graph.ts';
import { bytesPerElement, sizeOf } from '../../graph/tensor.ts';
import { readDictionary } from '../../mining/run/read-run.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import type { EncoderCard, GeneratorCard } from '../../zoo/card.ts';
import { fileKind, loadModel, readOnnxFile, type LoadOptions } from '../../zoo/node.ts';
import { layerTree } from '../layer-tree.ts';
import { locate } from '../models.ts';
import { formatBytes, settingsFor, shared } from '../options.ts';
import { summary } from '../summary.ts';
import { printJson, printLines } from '../terminal.ts';

interface InspectOptions {
  config?: string[];
  taps?: string[];
  all?: boolean;
  cache?: string;
  json?: boolean;
}

/** A thing that was looked at: as data, and as lines. */
interface Findings {
  readonly data: object;
  readonly lines: readonly string[];
}

/** Rows that are printed of a long list, unless all are asked for. */
const shortList = 30;

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('describe a checkpoint, a model card, an .onnx file, or a run')
    .argument('<path>', 'the file, the folder of a run, or the name of a model of the zoo')
    .addOption(shared.config())
    .addOption(shared.taps())
    .option('-a, --all', `list everything, not only the first ${shortList}`)
    .addOption(shared.cache())
    .addOption(shared.json())
    .action(async (path: string, options: InspectOptions) => {
      const { data, lines } = await inspect(path, options);
      if (options.json) printJson(data, 2);
      else printLines(...lines);
    });
}

async function inspect(text: string, options: InspectOptions): Promise<Findings> {
  const { path, card } = await locate(text, options.cache);
  const folder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (folder) {
    const dictionary = await readDictionary(nodeFolder(path), path);
    return { data: dictionary, lines: summary(dictionary) };
  }
  const kind = await fileKind(path);
  const tensors = kind === 'checkpoint' ? await inspectTensors(path, options) : undefined;
  const graph = kind === 'onnx' ? inspectGraph(await readOnnxFile(path)) : undefined;
  const model = await inspectModel(path, card, options, kind === 'card');
  const parts = [tensors, graph, model].filter((part) => part !== undefined);
  return {
    data: { path, kind, ...tensors?.data, ...graph?.data, ...model?.data },
    lines: parts.flatMap(({ lines }) => lines),
  };
}

async function inspectTensors(path: string, { all }: InspectOptions): Promise<Findings> {
  const source = await openFile(path);
  try {
    const checkpoint = await openCheckpoint(source);
    const tensors = [...checkpoint.tensors.values()];
    const network = new Set([...stateDict(checkpoint).values()].map(({ name }) => name));
    const size = (list: readonly TensorRef[]) =>
      list.reduce((sum, { dtype, shape }) => sum + bytesPerElement(dtype) * sizeOf(shape), 0);
    const rows = tensors.map(({ name, dtype, shape }) => [
      network.has(name) ? name : `(${name})`,
      dtype,
      `[${shape.join(', ')}]`,
    ]);
    return {
      data: {
        format: checkpoint.format,
        metadata: checkpoint.metadata,
        tensors: tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape, network: network.has(name) })),
      },
      lines: [
        `${checkpoint.format}, ${tensors.length} tensors, ${formatBytes(size(tensors))}; of the network: ${network.size} (others in brackets)`,
        ...list(rows, all),
      ],
    };
  } finally {
    await source.close();
  }
}

function inspectGraph(graph: Graph): Findings {
  const shape = ({ shape: dims }: ValueInfo) => (dims ? `[${dims.join(', ')}]` : '[?]');
  const describe = (values: readonly ValueInfo[]) =>
    values.map((v) => ({ name: v.name, dtype: v.dtype, shape: v.shape }));
  const rows = (label: string, values: readonly ValueInfo[]) => values.map((v) => [label, v.name, v.dtype, shape(v)]);
  return {
    data: {
      opset: graph.opset,
      nodes: graph.nodes.length,
      inputs: describe(graph.inputs),
      outputs: describe(graph.outputs),
      weights: graph.initializers.size,
    },
    lines: [
      `ONNX graph "${graph.name}", operator set ${graph.opset}, ${graph.nodes.length} nodes, ${graph.initializers.size} weights`,
      ...table([...rows('input', graph.inputs), ...rows('output', graph.outputs)]),
    ],
  };
}

/** The model in the file: all layers that can be tapped, and those that are by default. */
async function inspectModel(
  path: string,
  own: LoadOptions['card'],
  options: InspectOptions,
  required: boolean,
): Promise<Findings> {
  const settings = settingsFor(options.config, '', []);
  const globs = options.taps;
  try {
    const { model, assumed } = await loadModel(path, { name: 'model', card: own, settings, taps: globs });
    const every = await loadModel(path, { name: 'model', card: own, settings, taps: ['**'] });
    const { name: _, ...card } = model.card;
    const tapped = new Set(model.taps.map(({ layer }) => layer));
    const units = model.taps.reduce((sum, { channels }) => sum + channels, 0);
    return {
      data: { recognised: true, card, assumed, layers: every.model.taps, taps: [...tapped] },
      lines: [
        `architecture ${card.architecture} ${JSON.stringify(card.config)}, ${describeInput(card)}`,
        ...(assumed.length ? [`assumed ${assumed.join(' ')} (change with --config)`] : []),
        `layers (* ${tapped.size} tapped, ${units} units):`,
        ...list(layerTree(every.model.taps, tapped), options.all),
      ],
    };
  } catch (error) {
    if (required || !(error instanceof UserError)) throw error;
    return {
      data: { recognised: false, reason: error.message },
      lines: [`not a model that can be mined: ${error.message}`],
    };
  }
}

const describeInput = (card: Omit<EncoderCard, 'name'> | Omit<GeneratorCard, 'name'>): string => {
  if ('input' in card) return `input ${card.input.height}x${card.input.width}`;
  const { z, classes, w, layers, height, width } = card.latent;
  return `z [${z}]${classes ? `, ${classes} classes` : ''}, w+ [${layers}, ${w}], images ${height}x${width}`;
};

const list = (rows: readonly string[][], all: boolean | undefined): string[] => {
  const shown = table(all ? rows : rows.slice(0, shortList));
  return rows.length > shortList && !all ? [...shown, `  ... ${rows.length - shortList} more (--all)`] : shown;
};

function table(rows: readonly string[][]): string[] {
  const widths = rows[0]?.map((_, c) => Math.max(...rows.map((row) => row[c].length))) ?? [];
  return rows.map((row) => `  ${row.map((cell, c) => cell.padEnd(widths[c])).join('  ')}`.trimEnd());
}
