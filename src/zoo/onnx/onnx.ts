// A model from an ONNX graph of the user's own: its image input, its layers, and what the file does not tell.
// Reading files is in zoo/node.ts; each question about the graph has a file of its own.

import { UserError } from '../../errors.ts';
import { lastOf, present, required } from '../../lookup.ts';
import type { GraphBuilder } from '../../graph/builder.ts';
import { isStatic } from '../../graph/dims.ts';
import { extractSubgraph } from '../../graph/edit.ts';
import type { Graph } from '../../graph/graph.ts';
import { bindDimensions, inferShapes } from '../../graph/infer.ts';
import { upgradeGraph } from '../../graph/upgrade.ts';
import type { EncoderCard, Input } from '../card.ts';
import { twinCard, type FromCheckpointOptions, type LoadedModel } from '../from-checkpoint.ts';
import type { Encoder } from '../model.ts';
import { matching } from '../layer-names.ts';
import { encoderModel } from '../network.ts';
import { addGraph, rebound } from './batch.ts';
import { imageBindings, imageInput, type ImageInput } from './input.ts';
import { asMaps, surveyLayers, type Survey } from './layers.ts';
import { defaultLayers } from './taps.ts';
import { freshGraph } from './twin.ts';
import { parseSize, readSettings, type Settings, type Size } from '../settings.ts';

/** Operator set of what builders make, into which the graph is inserted. */
const opset = 20;
const newestOpset = 24;
/** Operators that came or changed after that set; all others mean the same before and after. */
const newer = new Set([
  'GroupNormalization',
  'Attention',
  'RMSNormalization',
  'RotaryEmbedding',
  'Swish',
  'TensorScatter',
]);

/** A graph that is ready to be added to builders: sizes bound, shapes known for some batch. */
interface Network {
  readonly graph: Graph;
  readonly input: ImageInput;
  readonly survey: Survey;
  /** The output of the model: the first of the file that is known, or its last layer. */
  readonly output: string;
}

/**
 * A model from a graph. Layers are called as the values in the file. Where the file has a fixed batch, it is bound anew
 * if that is sure to change nothing, and the network is added to graphs several times otherwise.
 * @param options.settings besides those of the input: `grid=HEIGHTxWIDTH` of the tokens of a transformer.
 * @throws UserError when the graph takes no RGB image, takes more than that, is quantised, has no layer with maps, or
 * does not fit the size that is set.
 */
export function modelFromGraph(graph: Graph, options: FromCheckpointOptions): LoadedModel<Encoder> {
  const { name, card, taps } = options;
  if (card && card.architecture !== 'onnx') {
    throw new UserError(
      `${name} is an ONNX file, not a checkpoint of "${card.architecture}" as its card says; write "onnx" there`,
    );
  }
  const input = imageInput(graph, name);
  const { height, width } = input;
  // What the file fixes is no assumption.
  const fixed: Settings = !card && height && width ? { size: `${height}x${width}` } : {};
  const read = readSettings(
    { ...fixed, ...options.settings },
    {
      owner: name,
      choices: { grid: 'size' },
      input: card?.input ?? defaultInput(input),
      assumed: card?.input === undefined,
    },
  );
  const wanted = present(read.input, 'input');
  expectSize(name, input, wanted);
  if (input.dtype === 'uint8' && [...wanted.mean.map((v) => v + 1), ...wanted.std].some((v) => v !== 1)) {
    throw new UserError(`${name} takes bytes, which no mean or std is taken from; leave these out (0,0,0 and 1,1,1)`);
  }
  const config = { ...card?.config, ...read.choices };
  const network = prepare(graph, name, input, wanted, gridOf(config, name));
  const { layers, unknown, gridless } = network.survey;
  const full: EncoderCard = {
    task: 'unknown',
    supervision: 'unknown',
    data: 'unknown',
    licence: 'unknown',
    source: 'unknown',
    ...card,
    name,
    architecture: 'onnx',
    config,
    input: wanted,
    taps: taps ?? card?.taps ?? defaultLayers(network.graph, layers),
  };
  const model = onnxModel(full, network);
  const guessed = new Set(
    model.taps.flatMap(({ layer, height: h, width: w }) =>
      required(layers, layer, 'layer').tokens?.guessed ? [`grid=${h}x${w}`] : [],
    ),
  );
  const left = [
    ...(unknown ? [`${unknown} values whose shapes only running tells`] : []),
    ...(gridless ? [`${gridless} sequences whose length fits no grid`] : []),
  ];
  return { model, assumed: [...read.assumed, ...guessed, ...(left.length ? [`(left out: ${left.join(', ')})`] : [])] };
}

/**
 * The layers of a graph that are mined when nobody says which, by name. Dynamic sizes are taken as 224.
 * @throws UserError as `modelFromGraph`.
 */
export function proposeTaps(graph: Graph): string[] {
  const name = graph.name || 'the graph';
  const input = imageInput(graph, name);
  const network = prepare(graph, name, input, defaultInput(input));
  return defaultLayers(network.graph, network.survey.layers);
}

/** What most networks expect: ImageNet's channel means and standard deviations, as torchvision has them; bytes as they are. */
function defaultInput({ height = 224, width = 224, dtype }: ImageInput): Input {
  const bytes = dtype === 'uint8';
  return {
    height,
    width,
    mean: bytes ? [0, 0, 0] : [0.485, 0.456, 0.406],
    std: bytes ? [1, 1, 1] : [0.229, 0.224, 0.225],
    resize: 'bilinear',
    antialias: true,
  };
}

function expectSize(owner: string, { height, width }: ImageInput, size: Size): void {
  if ((height ?? size.height) === size.height && (width ?? size.width) === size.width) return;
  const made = `${height ?? 'any height'} x ${width ?? 'any width'}`;
  throw new UserError(
    `${owner} was made for images of ${made} pixels, not ${size.height} x ${size.width}; ` +
      `set size=${height ?? size.height}x${width ?? size.width}, or export it with dynamic sizes`,
  );
}

function gridOf({ grid }: Readonly<Record<string, unknown>>, owner: string): Size | undefined {
  if (grid === undefined) return undefined;
  const size = typeof grid === 'string' ? parseSize(grid) : undefined;
  if (size) return size;
  throw new UserError(`"grid" in the card of ${owner} is not a size such as "16x12"`);
}

function prepare(graph: Graph, owner: string, input: ImageInput, size: Size, grid?: Size): Network {
  expectFloat(graph, owner);
  const sized = bindDimensions(atBuilderOpset(graph, owner), imageBindings(input, size));
  const fitted = inferFor(sized, owner, input, size);
  const inferred = fitted.opset < opset ? inferShapes(upgradeGraph(fitted, opset)) : fitted;
  const survey = surveyLayers(inferred, input, grid);
  if (!survey.layers.size) {
    throw new UserError(
      `${owner} has no layer with maps [n, channels, height, width] or tokens on a grid; ` +
        'if it is a transformer, set grid=HEIGHTxWIDTH, the number of its patches',
    );
  }
  const [batch] = present(inferred.inputs.find(({ name }) => name === input.name)?.shape, 'shape of the input');
  const whole = inferred.outputs.find(
    ({ dtype, shape }) => dtype.includes('float') && isStatic(shape) && shape[0] === batch,
  );
  return { graph: inferred, input, survey, output: whole?.name ?? lastOf([...survey.layers.keys()]) };
}

/** Shapes for the batch of the file. Where that is dynamic: for two images, so that the batch cannot be taken for a 1. */
function inferFor(graph: Graph, owner: string, input: ImageInput, size: Size): Graph {
  const attempt = (batch: number) => inferShapes(graph, { [`${input.name}[0]`]: batch });
  if (input.batch === undefined) {
    try {
      return attempt(2);
    } catch (error) {
      if (!(error instanceof UserError)) throw error; // else it may be made for one image after all
    }
  }
  try {
    return attempt(input.batch ?? 1);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${owner} does not fit images of ${size.height} x ${size.width} pixels (${error.message}); ` +
        'set the size that it was made for: size=HEIGHTxWIDTH',
      { cause: error },
    );
  }
}

function expectFloat(graph: Graph, owner: string): void {
  const quantised = graph.nodes.find(({ op }) => /Quantize|^QLinear|^QGemm|Integer$|NBits$/.test(op));
  if (!quantised) return;
  throw new UserError(
    `${owner} is quantised (node "${quantised.name || quantised.outputs[0]}" is a ${quantised.op}), so that its units are not ` +
      'those that were trained; take the floating point file that it was made from',
  );
}

function atBuilderOpset(graph: Graph, owner: string): Graph {
  if (graph.opset <= opset) return graph;
  const node = graph.nodes.find(({ op, domain }) => !domain && newer.has(op));
  if (graph.opset <= newestOpset && !node) return { ...graph, opset };
  const what = node ? `the operator ${node.op} of set ${graph.opset}` : `operator set ${graph.opset}`;
  throw new UserError(`${owner} uses ${what}; export it with opset_version=${opset} or lower`);
}

function onnxModel(card: EncoderCard, network: Network, twinOf?: string): Encoder {
  const { graph, input, survey, output } = network;
  const chosen = matching(survey.layers.keys(), card.taps);
  const layers = (chosen.length ? chosen : [...survey.layers.keys()]).map((name) =>
    required(survey.layers, name, 'layer'),
  );
  const part = (names: readonly string[]) => extractSubgraph(graph, [input.name], names);
  const names = layers.map(({ name }) => name);
  const taps = part(names);
  // A classifier that flattens for a batch of 1 shall not keep the layers before it from running on whole batches.
  const several = 2 * (input.batch ?? 1);
  const apart = rebound(taps, input, several) && !rebound(part([output]), input, several);
  const parts = apart ? [taps, part([output])] : [part([...new Set([...names, output])])];
  return encoderModel({
    card,
    twinOf,
    addTo(b, x) {
      const prefix = () => freePrefix(b, card.name);
      const values = new Map(parts.flatMap((one) => Object.entries(addGraph(b, one, input, x, prefix))));
      const last = required(values, output, 'value');
      return {
        taps: new Map(layers.map((layer) => [layer.name, asMaps(b, required(values, layer.name, 'value'), layer)])),
        output: last.dtype === 'float32' ? last : b.cast(last, 'float32'),
      };
    },
    twin: (seed) => onnxModel(twinCard(card), { ...network, graph: freshGraph(graph, seed) }, card.name),
  });
}

const countOf = new WeakMap<GraphBuilder, number>();

/** Names of a network may occur once in a builder; from the second network on they are numbered. */
function freePrefix(b: GraphBuilder, name: string): string {
  const count = (countOf.get(b) ?? 0) + 1;
  countOf.set(b, count);
  return count === 1 ? `${name}/` : `${name}~${count}/`;
}
