import { beforeAll, describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { float, int } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { resample, resampleMatrix, timesLeft, timesRight, transposed } from '../../src/graph/resample.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { golden, largestDifference, type Golden } from '../golden.ts';
import { runOnce } from '../../src/runtime/run-once.ts';

let ops: (name: string) => Golden;
beforeAll(async () => {
  ops = await golden('ops');
});

type Build = (b: GraphBuilder, x: Value, size: { height: number; width: number }) => Value;

/** The largest difference of d sum(y map) / dx to the golden one, relative to its largest element. */
async function gradientError(name: string, build: Build): Promise<number> {
  const [x, y, map, expected] = ['x', 'y', 'map', 'grad'].map((part) => ops(`${name}/${part}`));
  const b = new GraphBuilder();
  const input = b.input('x', x.shape);
  const [height, width] = y.shape.slice(-2);
  const out = build(b, input, { height, width });
  expect(out.shape).toEqual(y.shape);
  const loss = b.reduceSum(b.mul(out, b.constant(float32(map.shape, map.data))), [...out.shape.keys()]);
  b.output(gradients(b, loss, [input])[0], 'gradient');
  const tensors = await runOnce(nodeEngine(), b.build(), { x: float32(x.shape, x.data) });
  const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = largestDifference(tensors.gradient.data as Float32Array, expected.data) / largest;
  return error;
}

const tolerance = 1e-5;
const bilinear = { mode: 'bilinear' } as const;
const bicubic = { mode: 'bicubic' } as const;

describe('gradients of resampling, as torch gives them', () => {
  it.each([
    ['bicubic_32_to_28', bicubic],
    ['bicubic_16_to_28', bicubic],
    ['bicubic_64_to_28', bicubic],
    ['bicubic_13x9_to_20x24', bicubic],
    ['bicubic_antialias_32_to_14', { mode: 'bicubic', antialias: true }],
    ['bilinear_7_to_16', bilinear],
    ['bilinear_14_to_9', bilinear],
  ] as const)('%s', async (name, options) => {
    const { mode, antialias } = { antialias: false, ...options };
    const products = await gradientError(name, (b, x, size) => resample(b, x, size, options));
    const operator = await gradientError(name, (b, x, { height, width }) =>
      b.resize(x, {
        sizes: [height, width],
        mode: mode === 'bicubic' ? 'cubic' : 'linear',
        antialias,
        cubicCoeff: antialias ? -0.5 : -0.75,
      }),
    );
    expect(products).toBeLessThan(tolerance);
    expect(operator).toBeLessThan(tolerance);
  });

  it('bicubic_scale_factor_4_to_6', async () => {
    const name = 'bicubic_scale_factor_4_to_6';
    const left = resampleMatrix(4, 6, { ...bicubic, step: 4 / 6.1 });
    const right = transposed(resampleMatrix(4, 5, { ...bicubic, step: 4 / 5.1 }), 5, 4);
    const products = await gradientError(name, (b, x) => timesLeft(b, timesRight(b, x, right), left));
    const operator = await gradientError(name, (b, x) => b.resize(x, { scales: [6.1 / 4, 5.1 / 4], mode: 'cubic' }));
    expect(products).toBeLessThan(tolerance);
    expect(operator).toBeLessThan(tolerance);
  });

  it('nearest_x2', async () => {
    const error = await gradientError('nearest_x2', (b, x) =>
      b.resize(x, { scales: [2, 2], mode: 'nearest', coordinates: 'asymmetric', nearest: 'floor' }),
    );
    expect(error).toBeLessThan(tolerance);
  });
});

describe('gradients of activations and normalisation, as torch gives them', () => {
  it('gelu', async () => {
    const operator = await gradientError('gelu', (b, x) => b.op('Gelu', [x])[0]);
    const spelt = await gradientError('gelu', (b, x) => b.mul(b.mul(x, 0.5), b.add(b.erf(b.mul(x, Math.SQRT1_2)), 1)));
    expect(operator).toBeLessThan(tolerance);
    expect(spelt).toBeLessThan(tolerance);
  });

  it('layernorm_eps1e-6', async () => {
    const error = await gradientError('layernorm_eps1e-6', (b, x) => {
      const scale = b.constant(float32([32], new Array<number>(32).fill(1)));
      return b.op('LayerNormalization', [x, scale], { axis: int(-1), epsilon: float(1e-6) })[0];
    });
    expect(error).toBeLessThan(tolerance);
  });

  it('leaky_relu_0.2', async () => {
    const error = await gradientError('leaky_relu_0.2', (b, x) => b.op('LeakyRelu', [x], { alpha: float(0.2) })[0]);
    expect(error).toBeLessThan(tolerance);
  });
});
