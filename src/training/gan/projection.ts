// What a projected discriminator looks at: features of a frozen class network at several scales, mixed at random.
// Its weights are constants of the step's graph, so that the engine can prepare them; nothing here is trained.

import { UserError } from '../../errors.ts';
import { required } from '../../lookup.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { staticShape } from '../../graph/dims.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32, sizeOf, type Tensor, floats } from '../../graph/tensor.ts';
import { fillNormal } from '../../random.ts';
import { shapesOf } from '../../zoo/from-checkpoint.ts';
import { preprocess } from '../../zoo/preprocess.ts';
import { resnet } from '../../zoo/encoders/resnet.ts';
import { Weights } from '../../zoo/weights.ts';

/** Lays normalisations of inference into the convolutions before them: the way back has a pass less for each. */
class FoldingBuilder extends GraphBuilder {
  override batchNormalization(
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    epsilon = 1e-5,
    name?: string,
  ): Value {
    const conv = this.made.find((node) => node.op === 'Conv' && node.outputs[0] === x.name);
    const [gamma, beta, centre, spread] = [scale, bias, mean, variance].map((value) => {
      const data = this.tensorOf(value)?.data;
      return data instanceof Float32Array ? data : undefined;
    });
    const weight = conv && this.tensorOf(this.value(conv.inputs[1]));
    if (!conv || conv.inputs[2] || !weight || !gamma || !beta || !centre || !spread) {
      return super.batchNormalization(x, scale, bias, mean, variance, epsilon, name);
    }
    const factor = gamma.map((value, i) => value / Math.sqrt(spread[i] + epsilon));
    const taps = sizeOf(weight.shape.slice(1));
    const scaled = floats(weight.data).map((value, i) => value * factor[Math.floor(i / taps)]);
    const offset = beta.map((value, i) => value - centre[i] * factor[i]);
    const inputs = [
      this.value(conv.inputs[0]),
      this.constant(float32(weight.shape, scaled)),
      this.constant(float32([offset.length], offset)),
    ];
    return this.op('Conv', inputs, conv.attributes, { name })[0];
  }
}

/** Channels and side of a map. */
export interface MapSize {
  readonly channels: number;
  readonly size: number;
}

export interface Projection {
  /** Of the maps that `addTo` gives, from the finest to the coarsest. */
  readonly maps: readonly MapSize[];
  /** Classes of the network; 0 when it has no classifier. */
  readonly classes: number;
  /** Names and shapes of the random matrices. */
  readonly shapes: readonly (readonly [name: string, shape: readonly number[]])[];
  /** @param images `[n, 3, size, size]` around 0, of -0.5 to 0.5. @returns `[n, ...]` each, logits `[n, classes]`. */
  addTo(b: GraphBuilder, images: Value): { readonly maps: readonly Value[]; readonly logits?: Value };
}

export interface ProjectionOptions {
  /** Channels of the mixed map of a side. */
  readonly channels: (size: number) => number;
  /** Whether every map is added the coarser ones too, enlarged; otherwise channels are mixed within each. */
  readonly scales: boolean;
  readonly seed: number;
}

/** Keeps its draws apart from others of the same seed. */
const stream = 0x6d6978;

/**
 * The projection by a ResNet: the outputs f of its stages become M f, and from the coarsest to the finest M f + enlarged
 * R g, with g the coarser result and M, R random matrices that together keep the mean square.
 * Source: Sauer et al., "Projected GANs converge faster", NeurIPS 2021, sections 3.2 and 3.3: random mixing of channels and
 * of scales. Simplified: scales are mixed by 1x1 convolutions before enlarging.
 * @param tensors of a class network, official names.
 * @param size side of the images.
 * @throws UserError when they are not those of a ResNet.
 */
export function projection(
  tensors: ReadonlyMap<string, Tensor>,
  size: number,
  { channels, scales, seed }: ProjectionOptions,
): Projection {
  const config = resnet.recognise(shapesOf(tensors), {});
  if (!config) throw new UserError('the encoder of the discriminator must be a ResNet with the names of torchvision');
  const stages = config.depths.map((_, i) => `layer${i + 1}`);
  const encoder = (n: number): Graph => {
    const b = new FoldingBuilder({ name: 'encoder' });
    const { mean, std, ...input } = resnet.defaultInput(config);
    const x = preprocess(b, b.input('images', [n, 3, size, size]), {
      ...input,
      mean: [mean[0] - 0.5, mean[1] - 0.5, mean[2] - 0.5],
      std,
      height: size,
      width: size,
    });
    const { taps, output } = resnet.addTo(b, x, new Weights(tensors, 'the encoder'), config);
    for (const name of stages) b.output(required(taps, name, 'layer'), name);
    b.output(output, 'logits');
    return b.build();
  };
  const shapes = new Map(encoder(1).outputs.map(({ name, shape }) => [name, staticShape(shape)]));
  const maps = stages.map((name) => {
    const [, , side] = required(shapes, name, 'tensor');
    return { channels: channels(side), size: side };
  });
  const matrix = (to: MapSize, from: number) => [to.channels, from, 1, 1];
  const within = stages.map((name, i) => matrix(maps[i], required(shapes, name, 'tensor')[1]));
  const across = scales ? maps.slice(1).map((coarser, i) => matrix(maps[i], coarser.channels)) : [];
  // Drawn when they are first laid: what would be too large is refused before.
  const drawn = new Map<number, Tensor>();
  const random = (shape: readonly number[], at: number): Tensor => {
    const found = drawn.get(at);
    if (found) return found;
    const terms = scales && at < 2 * stages.length - 2 ? 2 : 1;
    const values = new Float32Array(sizeOf(shape));
    const made = float32(shape, fillNormal(values, Math.sqrt(1 / shape[1] / terms), seed, stream * 2 ** 20 + at));
    drawn.set(at, made);
    return made;
  };
  const classified = ['fc.weight', 'linear.weight'].some((name) => tensors.has(name));
  return {
    maps,
    classes: classified ? required(shapes, 'logits', 'tensor')[1] : 0,
    shapes: [
      ...within.map((shape, i) => [`the mixing of ${stages[i]}`, shape] as const),
      ...across.map((shape, i) => [`the mixing of ${stages[i + 1]} into ${stages[i]}`, shape] as const),
    ],
    addTo(b, images) {
      const made = b.inline(encoder(images.shape[0]), { images }, 'encoder/');
      const mixed = stages.map((name, i) => b.conv(made[name], b.constant(random(within[i], 2 * i))));
      for (let i = scales ? mixed.length - 2 : -1; i >= 0; i--) {
        const coarser = b.conv(mixed[i + 1], b.constant(random(across[i], 2 * i + 1)));
        const sizes = mixed[i].shape.slice(2);
        const enlarged = b.resize(coarser, { sizes, mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' });
        mixed[i] = b.add(mixed[i], enlarged);
      }
      return { maps: mixed, logits: classified ? made.logits : undefined };
    },
  };
}
