// The tensors of a ResNet that does not exist yet: torchvision's names and shapes, with fresh weights.
// The network itself is the zoo's.

import Type from 'typebox';
import { UserError } from '../../errors.ts';
import type { Read } from '../../files/json.ts';
import { float32, floats, sizeOf, type Tensor } from '../../graph/tensor.ts';
import { freshWeights } from '../../zoo/twin.ts';
import { channels, closed, each, layers } from '../recipe/numbers.ts';

/** JSON Schema of the sizes of a ResNet of bottlenecks. */
export const resNetSizesSchema = Type.Object(
  {
    depths: each(layers('Blocks.'), 'Blocks of each stage.', 1, 8),
    planes: each(
      channels('Inner channels.'),
      "Inner channels of each stage's bottlenecks, which give out four times as many.",
      1,
      8,
    ),
    stem: channels('Channels of the first convolution, 3x3 with stride 1.'),
  },
  closed,
);

export type ResNetSizes = Read<typeof resNetSizesSchema> & {
  /** Classes of the last layer, or none. */
  readonly classes?: number;
};

const expansion = 4;

/**
 * Fresh weights of a ResNet of bottlenecks in the CIFAR form. The last normalisation of each block begins at zero, so that
 * blocks begin as identities.
 * Source of the latter: Goyal et al., "Accurate, Large Minibatch SGD", 2017.
 */
export function freshResNet(sizes: ResNetSizes, seed: number): Map<string, Tensor> {
  const zeros = [...resNetShapes(sizes)].map(
    ([name, shape]) => [name, float32(shape, new Float32Array(sizeOf(shape)))] as const,
  );
  const fresh = freshWeights(new Map(zeros), seed);
  for (const [name, { data }] of fresh) if (/\.bn3\.weight$/.test(name)) floats(data).fill(0);
  return fresh;
}

/** Names and shapes of the tensors. @throws UserError when there are not as many planes as depths. */
export function resNetShapes({ depths, planes, stem, classes }: ResNetSizes): Map<string, readonly number[]> {
  if (depths.length !== planes.length) {
    throw new UserError(
      `a ResNet has "depths" of ${depths.length} stages and "planes" of ${planes.length}; give as many of both`,
    );
  }
  const shapes = new Map<string, readonly number[]>();
  const normalisation = (name: string, width: number) => {
    for (const part of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${name}.${part}`, [width]);
  };
  shapes.set('conv1.weight', [stem, 3, 3, 3]);
  normalisation('bn1', stem);
  let inputs = stem;
  depths.forEach((blocks, s) => {
    const inner = planes[s];
    const outputs = inner * expansion;
    for (let i = 0; i < blocks; i++) {
      const name = `layer${s + 1}.${i}`;
      const convolutions: [string, number[]][] = [
        ['conv1', [inner, inputs, 1, 1]],
        ['conv2', [inner, inner, 3, 3]],
        ['conv3', [outputs, inner, 1, 1]],
      ];
      convolutions.forEach(([conv, shape], c) => {
        shapes.set(`${name}.${conv}.weight`, shape);
        normalisation(`${name}.bn${c + 1}`, shape[0]);
      });
      if (i === 0) {
        shapes.set(`${name}.downsample.0.weight`, [outputs, inputs, 1, 1]);
        normalisation(`${name}.downsample.1`, outputs);
      }
      inputs = outputs;
    }
  });
  if (classes) {
    shapes.set('fc.weight', [classes, inputs]);
    shapes.set('fc.bias', [classes]);
  }
  return shapes;
}
