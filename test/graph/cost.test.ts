// What graphs cost, against numbers that others publish and against counting by hand.

import { describe, expect, it } from 'vitest';
import { float32, GraphBuilder, multiplyAdds, totalMultiplyAdds } from '../../src/graph/index.ts';
import { modelFromTensors } from '../../src/zoo/from-checkpoint.ts';
import { fullShapes, zeroTensors } from '../zoo/shapes.ts';

const zeros = (shape: readonly number[]) => float32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

describe('multiplyAdds', () => {
  it('counts groups, strides, kernels and transpositions', () => {
    const b = new GraphBuilder();
    const x = b.input('x', [2, 4, 6, 8]);
    const y = b.conv(x, b.constant(zeros([6, 2, 3, 3])), undefined, { strides: [2, 2], pads: [1, 1, 1, 1], group: 2 });
    const z = b.op('ConvTranspose', [y, b.constant(zeros([6, 5, 2, 2]))], {})[0];
    const flat = b.reshape(z, [2, -1]);
    const last = b.gemm(b.transpose(flat, [1, 0]), b.constant(zeros([7, 2])), undefined, {
      transA: false,
      transB: true,
    });
    b.output(b.matmul(b.reshape(last, [2, -1, 7]), b.constant(zeros([7, 3]))), 'out');
    // y [2, 6, 3, 4], z [2, 5, 4, 5]
    expect(multiplyAdds(b.build())).toEqual({
      Conv: 2 * 6 * 3 * 4 * (2 * 3 * 3),
      ConvTranspose: 2 * 6 * 3 * 4 * (5 * 2 * 2),
      Gemm: 100 * 7 * 2,
      MatMul: 100 * 3 * 7,
    });
  });

  // Published with the weights, as billions of operations (one multiply-add each).
  it.each([
    ['torchvision_resnet50', 4.09],
    ['dino_vitb16', 17.56],
  ])('of %s is as torchvision publishes it', (name, billions) => {
    const { model } = modelFromTensors(zeroTensors(fullShapes[name]), { name });
    if (model.kind !== 'encoder') throw new Error('an encoder is expected');
    const b = new GraphBuilder();
    b.output(model.addRawTo(b, b.input('x', [1, 3, 224, 224])).output, 'out');
    expect(totalMultiplyAdds(b.build()) / 1e9).toBeCloseTo(billions, 1);
  });
});
