// Adversarial losses against float64, and the penalty on gradients against finite differences of a small network.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import { float } from '../../../src/graph/attributes.ts';
import { discriminatorLoss, generatorLoss, gradientPenalty, positiveShare } from '../../../src/training/gan/losses.ts';
import { apart, evaluate } from './toys.ts';
import { normal } from '../networks.ts';

const real = normal([4, 5], 1.5, 1);
const fake = normal([4, 5], 1.5, 2);
const softplus = (x: number) => Math.log(1 + Math.exp(x));
const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const mean = (values: Float32Array, f: (x: number) => number) =>
  Array.from(values, f).reduce((sum, value) => sum + value, 0) / values.length;

const expected = {
  hinge: {
    discriminator: [(x: number) => Math.max(0, 1 - x), (x: number) => Math.max(0, 1 + x)],
    slopes: [(x: number) => (x < 1 ? -1 : 0), (x: number) => (x > -1 ? 1 : 0)],
    generator: (x: number) => -x,
    slope: () => -1,
  },
  logistic: {
    discriminator: [(x: number) => softplus(-x), softplus],
    slopes: [(x: number) => -logistic(-x), logistic],
    generator: (x: number) => softplus(-x),
    slope: (x: number) => -logistic(-x),
  },
} as const;

describe.each(['hinge', 'logistic'] as const)('the %s loss', (kind) => {
  const { discriminator, slopes, generator, slope } = expected[kind];

  it('is that of float64, with its gradient, to 1e-6', async () => {
    const out = await evaluate({ real, fake }, (b, fed) => {
      const judged = discriminatorLoss(b, kind, fed.real, fed.fake);
      const made = generatorLoss(b, kind, fed.fake);
      const [dReal, dFake] = gradients(b, judged, [fed.real, fed.fake]);
      return { judged, made, dReal, dFake, dMade: gradients(b, made, [fed.fake])[0] };
    });
    const sum = mean(real.data, discriminator[0]) + mean(fake.data, discriminator[1]);
    expect(Math.abs(out.judged[0] - sum)).toBeLessThan(1e-6);
    expect(Math.abs(out.made[0] - mean(fake.data, generator))).toBeLessThan(1e-6);
    const scaled = (values: Float32Array, f: (x: number) => number) => Array.from(values, (x) => f(x) / 20);
    expect(apart(out.dReal, scaled(real.data, slopes[0]))).toBeLessThan(1e-6);
    expect(apart(out.dFake, scaled(fake.data, slopes[1]))).toBeLessThan(1e-6);
    expect(apart(out.dMade, scaled(fake.data, slope))).toBeLessThan(1e-6);
  });
});

describe('the penalty on the gradient', () => {
  // Three numbers an image -> 4 hidden, softplus -> 2 logits: smooth, so that finite differences are good.
  const [x, w, v] = [normal([5, 3], 1, 3), normal([3, 4], 0.8, 4), normal([4, 2], 0.8, 5)];

  /** Mean over images of |d mean of logits / dx|^2, in float64. */
  function penalty(first: ArrayLike<number>, second: ArrayLike<number>): number {
    let sum = 0;
    for (let i = 0; i < 5; i++) {
      const slope = [0, 0, 0];
      for (let h = 0; h < 4; h++) {
        const z = [0, 1, 2].reduce((total, k) => total + x.data[3 * i + k] * first[4 * k + h], 0);
        const out = (second[2 * h] + second[2 * h + 1]) / 2;
        for (let k = 0; k < 3; k++) slope[k] += logistic(z) * out * first[4 * k + h];
      }
      sum += slope.reduce((total, value) => total + value * value, 0);
    }
    return sum / 5;
  }

  it('is that of float64 to 1e-6, its own gradient that of finite differences to 1e-4', async () => {
    const out = await evaluate({ x, w, v }, (b, fed) => {
      const hidden = b.op('Softplus', [b.matmul(fed.x, fed.w)])[0];
      const loss = gradientPenalty(b, b.matmul(hidden, fed.v), [fed.x]);
      const [dw, dv] = gradients(b, loss, [fed.w, fed.v]);
      return { loss, dw, dv };
    });
    const [first, second] = [Float64Array.from(w.data), Float64Array.from(v.data)];
    expect(Math.abs(out.loss[0] - penalty(first, second))).toBeLessThan(1e-6);
    const h = 1e-5;
    const slopes = (values: Float64Array, f: (moved: Float64Array) => number) =>
      Array.from(values, (value, i) => (f(values.with(i, value + h)) - f(values.with(i, value - h))) / (2 * h));
    expect(
      apart(
        out.dw,
        slopes(first, (moved) => penalty(moved, second)),
      ),
    ).toBeLessThan(1e-4);
    expect(
      apart(
        out.dv,
        slopes(second, (moved) => penalty(first, moved)),
      ),
    ).toBeLessThan(1e-4);
  });

  it('adds up over what it is differentiated by', async () => {
    const out = await evaluate({ x, w, v }, (b, fed) => {
      const hidden = b.op('LeakyRelu', [b.matmul(fed.x, fed.w)], { alpha: float(0.2) })[0];
      const logits = b.matmul(hidden, fed.v);
      const [one, other] = [[fed.x], [hidden]].map((by) => gradientPenalty(b, logits, by));
      return { one, other, both: gradientPenalty(b, logits, [fed.x, hidden]) };
    });
    expect(Math.abs(out.one[0] + out.other[0] - out.both[0])).toBeLessThan(1e-6);
    expect(out.one[0]).toBeGreaterThan(0.01);
  });
});

it('counts what is above zero', async () => {
  const { fraction } = await evaluate({ real }, (b, fed) => ({ fraction: positiveShare(b, fed.real) }));
  expect(fraction[0]).toBeCloseTo(real.data.filter((value) => value > 0).length / 20, 6);
});
