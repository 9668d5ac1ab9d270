// The discriminator's heads against plain float64, its spectral normalisation against singular values by other means,
// and the features that it looks at against the zoo's own ResNet.

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, type Tensor } from '../../../src/graph/tensor.ts';
import { discriminator } from '../../../src/training/gan/discriminator.ts';
import { projection } from '../../../src/training/gan/projection.ts';
import { singularNames, singularVectors, spectrallyNormalised } from '../../../src/training/gan/spectral-norm.ts';
import { modelFromTensors } from '../../../src/zoo/from-checkpoint.ts';
import { apart, classes, evaluate, side, toyEncoder } from './toys.ts';
import { dataOf, filled, normal } from '../networks.ts';

/** The largest singular value of a matrix, from the largest eigenvalue of W W' by Jacobi rotations. */
function largestSingular({ shape, data }: Tensor): number {
  const m = shape[0];
  const columns = data.length / m;
  const values = data as Float32Array;
  const a = Array.from({ length: m }, (_, i) =>
    Array.from({ length: m }, (_, j) => {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += values[i * columns + k] * values[j * columns + k];
      return sum;
    }),
  );
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < m; p++) {
      for (let q = p + 1; q < m; q++) {
        if (a[p][q] === 0) continue;
        const angle = Math.atan2(2 * a[p][q], a[p][p] - a[q][q]) / 2;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < m; k++) [a[k][p], a[k][q]] = [c * a[k][p] + s * a[k][q], c * a[k][q] - s * a[k][p]];
        for (let k = 0; k < m; k++) [a[p][k], a[q][k]] = [c * a[p][k] + s * a[q][k], c * a[q][k] - s * a[p][k]];
      }
    }
  }
  return Math.sqrt(Math.max(...a.map((row, i) => row[i])));
}

describe('spectral normalisation', () => {
  const weight = normal([6, 2, 3, 3], 0.5, 3);

  it('begins at the largest singular value, to 1e-5', async () => {
    const { left, right } = singularVectors(weight, 200);
    const { y } = await evaluate({ weight, left, right }, (b, fed) => ({
      y: spectrallyNormalised(b, fed.weight, fed.left, fed.right, 1.5).weight,
    }));
    expect(
      apart(
        y,
        Array.from(weight.data, (value) => (1.5 * value) / largestSingular(weight)),
      ),
    ).toBeLessThan(1e-5);
  });

  it('comes to it from any vectors, update by update', async () => {
    let fed: Record<string, Tensor> = { weight, left: normal([6, 1], 1, 4), right: normal([18, 1], 1, 5) };
    let scale = 0;
    for (let i = 0; i < 60; i++) {
      const out = await evaluate(fed, (b, { weight: w, left: u, right: v }) => {
        const made = spectrallyNormalised(b, w, u, v);
        return { y: made.weight, left: made.left(), right: made.right() };
      });
      scale = weight.data[0] / out.y[0];
      fed = { weight, left: float32([6, 1], out.left), right: float32([18, 1], out.right) };
    }
    expect(Math.abs(scale - largestSingular(weight))).toBeLessThan(1e-4);
  });
});

describe('the discriminator', () => {
  const sizes = {
    maps: [
      { channels: 2, size: 4 },
      { channels: 3, size: 8 },
    ],
    width: () => 5,
    end: 4,
    classes,
  };
  const judge = discriminator(sizes, 3);
  const n = 3;
  const [coarse, fine] = [normal([n, 2, 4, 4], 1, 1), normal([n, 3, 8, 8], 1, 2)];
  const condition = float32([n, classes], [0, 1, 0, 0, 0, 1, 1, 0, 0]);

  const run = (use: typeof judge, given?: Tensor) =>
    evaluate({ coarse, fine, ...(given && { given }), ...Object.fromEntries(use.state) }, (b, fed) => {
      const { logits, updates } = use.addTo(b, (name) => fed[name], [fed.coarse, fed.fine], fed.given);
      return { logits, ...updates };
    });

  /** Convolution, normalised weight, leaky ReLU. */
  function layer(x: number[], from: number, size: number, name: string, kernel: number, stride: number): number[] {
    const weight = judge.state.get(`${name}.weight`)!;
    const { left, right } = singularNames(`${name}.weight`);
    const [u, v] = [dataOf(judge.state, left), dataOf(judge.state, right)];
    const norm = u.reduce(
      (sum, value, r) =>
        sum + v.reduce((s, w, c) => s + value * w * dataOf(judge.state, `${name}.weight`)[r * v.length + c], 0),
      0,
    );
    const scale = Math.SQRT2 / norm;
    const bias = dataOf(judge.state, `${name}.bias`);
    const out = size / stride;
    return Array.from({ length: 5 * out * out }, (_, at) => {
      const [to, row, column] = [Math.floor(at / out / out), Math.floor(at / out) % out, at % out];
      let sum = bias[to];
      for (let c = 0; c < from; c++) {
        for (let k = 0; k < kernel * kernel; k++) {
          const [r, q] = [row * stride + Math.floor(k / kernel) - 1, column * stride + (k % kernel) - 1];
          if (r < 0 || r >= size || q < 0 || q >= size) continue;
          sum +=
            x[c * size * size + r * size + q] *
            scale *
            (weight.data as Float32Array)[(to * from + c) * kernel * kernel + k];
        }
      }
      return sum > 0 ? sum : 0.2 * sum;
    });
  }

  it('has the logits of plain float64, by class, to 1e-5', async () => {
    const { logits } = await run(judge, condition);
    const expected: number[] = [];
    for (let i = 0; i < n; i++) {
      const image = ({ data }: Tensor) =>
        Array.from(data as Float32Array).slice((i * data.length) / n, ((i + 1) * data.length) / n);
      const heads = [
        layer(image(coarse), 2, 4, 'discriminator.head0.features', 3, 1),
        layer(layer(image(fine), 3, 8, 'discriminator.head1.down8', 4, 2), 5, 4, 'discriminator.head1.features', 3, 1),
      ];
      const label = condition.data.slice(i * classes, (i + 1) * classes).indexOf(1);
      heads.forEach((map, h) => {
        const common = dataOf(judge.state, `discriminator.head${h}.logit.weight`);
        const own = dataOf(judge.state, `discriminator.head${h}.classes.weight`);
        for (let place = 0; place < 16; place++) {
          let sum = 0;
          for (let d = 0; d < 5; d++) sum += map[d * 16 + place] * (common[d] + own[label * 5 + d]);
          expected.push(sum / Math.sqrt(5));
        }
      });
    }
    expect(logits).toHaveLength(n * 32);
    expect(apart(logits, expected)).toBeLessThan(1e-5);
  });

  it('keeps vectors at the singular ones of its weights', async () => {
    const out = await run(judge, condition);
    for (const name of judge.trainable.filter((key) => judge.state.get(key)!.shape.length === 4)) {
      const names = singularNames(name);
      expect(apart(out[names.left], dataOf(judge.state, names.left))).toBeLessThan(1e-2);
      expect(Math.hypot(...out[names.right])).toBeCloseTo(1, 5);
    }
  });

  it('needs no classes, and refuses a map that does not come down to its logits', async () => {
    const plain = discriminator({ ...sizes, classes: 0 }, 3);
    expect(plain.trainable.filter((name) => name.includes('classes'))).toEqual([]);
    expect((await run(plain)).logits).toHaveLength(n * 32);
    expect(() => discriminator({ ...sizes, maps: [{ channels: 2, size: 12 }] }, 1)).toThrow(/4x4.*not 12/);
  });
});

describe('the projection', () => {
  const encoder = toyEncoder();
  const images = float32(
    [2, 3, side, side],
    Float32Array.from(normal([2, 3, side, side], 0.2, 8).data, (x) => x + 0.5),
  );

  /** Stages and logits by the zoo's own builder. */
  async function zoo() {
    const b = new GraphBuilder();
    const { model } = modelFromTensors(encoder, { name: 'm', settings: { size: String(side) } });
    if (model.kind !== 'encoder') throw new Error('no encoder');
    return evaluate(
      { images },
      (_b, fed) => {
        const { taps, output } = model.addTo(b, fed.images);
        return {
          first: b.identity(taps.get('layer1.0')!),
          second: b.identity(taps.get('layer2.0')!),
          logits: b.identity(output),
        };
      },
      b,
    );
  }

  /** y[i, to] += factor[to, from] x[i, from], place by place. */
  function mixed(x: ArrayLike<number>, factor: Tensor, places: number): number[] {
    const [to, from] = factor.shape;
    return Array.from({ length: 2 * to * places }, (_, at) => {
      const [i, row, place] = [Math.floor(at / places / to), Math.floor(at / places) % to, at % places];
      let sum = 0;
      for (let c = 0; c < from; c++)
        sum += (factor.data as Float32Array)[row * from + c] * x[(i * from + c) * places + place];
      return sum;
    });
  }

  it.each([true, false])(
    'mixes what the zoo has, with its normalisations folded (scales: %s), to 1e-5',
    async (scales) => {
      const looked = projection(encoder, side, { channels: (size) => 32 / size, scales, seed: 1 });
      expect(looked.maps).toEqual([
        { channels: 4, size: 8 },
        { channels: 8, size: 4 },
      ]);
      expect(looked.classes).toBe(classes);
      const b = new GraphBuilder();
      let constants: Tensor[] = [];
      const out = await evaluate(
        { images },
        (_b, fed) => {
          const { maps, logits } = looked.addTo(b, b.sub(fed.images, 0.5));
          // The mixing matrices: weights of the convolutions to the maps' channels.
          const weights = b.made
            .filter((node) => node.op === 'Conv')
            .map((node) => b.tensorOf(b.value(node.inputs[1])));
          constants = weights.slice(scales ? -3 : -2).filter((tensor) => tensor !== undefined);
          expect(b.made.map((node) => node.op)).not.toContain('BatchNormalization');
          return { first: b.identity(maps[0]), second: b.identity(maps[1]), logits: b.identity(logits!) };
        },
        b,
      );
      const plain = await zoo();
      expect(apart(out.logits, plain.logits)).toBeLessThan(1e-5);
      const second = mixed(plain.second, constants[1], 16);
      expect(apart(out.second, second)).toBeLessThan(1e-5);
      let first = mixed(plain.first, constants[0], 64);
      if (scales) {
        const coarser = mixed(second, constants[2], 16);
        first = first.map(
          (value, at) =>
            value + coarser[Math.floor(at / 64) * 16 + Math.floor((at % 64) / 16) * 4 + Math.floor((at % 8) / 2)],
        );
      }
      expect(apart(out.first, first)).toBeLessThan(1e-5);
    },
  );

  it('refuses what is no ResNet', () => {
    const wrong = new Map([['w', filled([2], 1)]]);
    expect(() => projection(wrong, side, { channels: () => 4, scales: true, seed: 1 })).toThrow(/must be a ResNet/);
  });
});
