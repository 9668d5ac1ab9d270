import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/autodiff/reverse.ts';
import { UserError } from '../../../src/errors.ts';
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts';
import { float32, sizeOf, type Float32Tensor, type Tensor } from '../../../src/graph/tensor.ts';
import { randomAt } from '../../../src/random.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { featureTargets, featureTerm, pixelTerm } from '../../../src/synthesis/terms/image.ts';
import type { LatentName } from '../../../src/synthesis/search/latents.ts';
import { featureDistance } from '../../../src/synthesis/metrics.ts';
import { meanTerm, normTerm, startTerm } from '../../../src/synthesis/terms/prior.ts';
import type { Scene, Term } from '../../../src/synthesis/terms/terms.ts';
import type { Encoder } from '../../../src/zoo/model.ts';

const engine = nodeEngine({ threads: 1 });
const tensor = (shape: readonly number[], seed: number): Float32Tensor =>
  float32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => randomAt(seed, i)),
  );

/** Loss of each row, and the gradient of their sum by whatever the term moves. */
async function evaluate(
  term: Term,
  images: Float32Tensor,
  latents: Partial<Record<LatentName, Float32Tensor>> = {},
): Promise<{ loss: number[]; gradient: Float32Array }> {
  const b = new GraphBuilder();
  const feeds: Record<string, Tensor> = { images, ...latents };
  const values = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, b.input(name, shape)]));
  const { images: shown, ...moved } = values;
  const scene: Scene = {
    b,
    n: images.shape[0],
    generator: { name: 'toy' } as Scene['generator'],
    built: {} as Scene['built'],
    images: shown,
    latents: moved,
    given(name, given) {
      feeds[`given ${name}`] = given;
      return b.input(`given ${name}`, given.shape);
    },
  };
  const { loss } = term.addTo(scene);
  expect(loss.shape).toEqual([images.shape[0]]);
  const [gradient] = gradients(b, b.reduceSum(loss, [0]), [moved.z ?? moved.w ?? moved.ws ?? shown]);
  b.output(b.identity(loss), 'loss');
  b.output(b.identity(gradient), 'gradient');
  const graph = b.build();
  // Graphs drop inputs that no output needs, but feeds must fit exactly.
  const wanted = Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]]));
  const session = await engine.open(graph);
  try {
    const { tensors } = await session.run(wanted);
    return {
      loss: Array.from(tensors.loss.data as Float32Array),
      gradient: Float32Array.from(tensors.gradient.data as Float32Array),
    };
  } finally {
    await session.release();
  }
}

/** Row i of a tensor; the only row where there is one. */
const row = ({ shape, data }: Float32Tensor, i: number): Float32Array => {
  const size = sizeOf(shape.slice(1));
  const at = shape[0] === 1 ? 0 : i * size;
  return data.subarray(at, at + size);
};
const meanSquare = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length;

function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance = 1e-6): void {
  expect(found).toHaveLength(expected.length);
  expected.forEach((value, i) => expect(Math.abs(found[i] - value)).toBeLessThan(tolerance));
}

describe('pixelTerm', () => {
  const images = tensor([2, 3, 4, 5], 1);

  it.each([1, 2])('is the mean squared error of each row, of %i targets', async (rows) => {
    const target = tensor([rows, 3, 4, 5], 2);
    const { loss, gradient } = await evaluate(pixelTerm(target, 1), images);
    expectClose(
      loss,
      [0, 1].map((i) => meanSquare(row(images, i), row(target, i))),
    );
    expectClose(
      gradient,
      Array.from(images.data, (value, i) => (2 * (value - target.data[i % target.data.length])) / 60),
    );
  });

  it.each([1, 2])('weighs positions by %i masks', async (rows) => {
    const target = tensor([1, 3, 4, 5], 2);
    const mask = float32(
      [rows, 1, 4, 5],
      Array.from({ length: rows * 20 }, (_, i) => (i % 3 === 0 ? 0 : randomAt(3, i))),
    );
    const { loss } = await evaluate(pixelTerm(target, 1, mask), images);
    const expected = [0, 1].map((i) => {
      const [x, t, m] = [row(images, i), row(target, i), row(mask, i)];
      const weight = m.reduce((sum, value) => sum + value, 0);
      return x.reduce((sum, value, p) => sum + m[p % 20] * (value - t[p]) ** 2, 0) / (3 * weight);
    });
    expectClose(loss, expected);
  });

  it('refuses what does not fit, and a mask of nothing', async () => {
    const target = tensor([1, 3, 4, 5], 2);
    await expect(evaluate(pixelTerm(tensor([1, 3, 5, 4], 2)), images)).rejects.toThrow(UserError);
    await expect(evaluate(pixelTerm(tensor([3, 3, 4, 5], 2)), images)).rejects.toThrow('[1 or 2, 3, 4, 5]');
    const none = float32([1, 1, 4, 5], new Float32Array(20));
    await expect(evaluate(pixelTerm(target, 1, none), images)).rejects.toThrow('0 everywhere');
  });
});

describe('featureTerm', () => {
  /** Its layer is dark, with all channels silent, where an image is. */
  const encoder = {
    name: 'toy',
    addTo(b: GraphBuilder, images: Value) {
      const [n, , height, width] = images.shape;
      const mixed = b.matmul(b.constant(tensor([4, 3], 9), 'weights'), b.reshape(images, [n, 3, -1]), 'images');
      const map = b.relu(b.reshape(mixed, [n, 4, height, width]), 'map');
      return { taps: new Map([['layer', map]]), output: map };
    },
  } as unknown as Encoder;
  // The builder of the encoder has a value named like the scene's.
  const images = tensor([2, 3, 4, 4], 1);
  images.data.fill(0, 0, 3);
  images.data.fill(0, 16, 19);
  images.data.fill(0, 32, 35);

  it.each([1, 2])('is the distance that featureDistance reports, of %i targets', async (rows) => {
    const other = tensor([rows, 3, 4, 4], 5);
    const target = await featureTargets(engine, encoder, other);
    const layer = target.get('layer')!;
    expect(layer.shape).toEqual([rows, 4, 4, 4]);
    const norm = [0, 1, 2, 3].reduce((sum, c) => sum + layer.data[c * 16] ** 2, 0);
    expect(norm).toBeCloseTo(1, 5);
    const { loss } = await evaluate(featureTerm(encoder, target), images);
    expectClose(loss, Array.from(await featureDistance(engine, encoder, images, other)));
    expect(loss[0]).toBeGreaterThan(0.05);
  });

  it('has the gradient of its differences, and none where all channels are silent', async () => {
    const target = await featureTargets(engine, encoder, tensor([1, 3, 4, 4], 5));
    const term = featureTerm(encoder, target);
    const { gradient } = await evaluate(term, images);
    for (const at of [0, 17, 34]) expect(gradient[at]).toBe(0);
    for (const at of [7, 30, 48 + 20]) {
      const moved = async (by: number) => {
        const data = Float32Array.from(images.data);
        data[at] += by;
        const { loss } = await evaluate(term, float32(images.shape, data));
        return loss[0] + loss[1];
      };
      const difference = ((await moved(0.01)) - (await moved(-0.01))) / 0.02;
      expect(Math.abs(gradient[at])).toBeGreaterThan(5e-4);
      expect(Math.abs(gradient[at] - difference)).toBeLessThan(5e-5);
    }
  });
});

describe('terms on latents', () => {
  const images = tensor([2, 3, 2, 2], 1);
  const c = tensor([2, 5], 3);

  it('measures the distance of z to its start, and leaves c alone', async () => {
    const [z, start] = [tensor([2, 7], 4), tensor([2, 7], 5)];
    const { loss } = await evaluate(startTerm({ z: start, c: tensor([2, 5], 6) }), images, { z, c });
    expectClose(
      loss,
      [0, 1].map((i) => meanSquare(row(z, i), row(start, i))),
    );
  });

  it.each<[LatentName, number[]]>([
    ['w', [6]],
    ['ws', [3, 6]],
  ])('measures the distance of %s to the mean in standard deviations', async (name, shape) => {
    const [w, mean] = [tensor([2, ...shape], 4), tensor([1, ...shape], 5)];
    const { loss, gradient } = await evaluate(meanTerm({ [name]: mean }, 0.25), images, { [name]: w });
    expectClose(
      loss,
      [0, 1].map((i) => meanSquare(row(w, i), mean.data) / 0.0625),
      1e-5,
    );
    const size = sizeOf(shape);
    expectClose(
      gradient,
      Array.from(w.data, (value, i) => (2 * (value - mean.data[i % size])) / size / 0.0625),
      1e-5,
    );
  });

  it('measures how far z is from the sphere, with a gradient even at 0', async () => {
    const z = float32([2, 4], [3, -1, 2, 1, 0, 0, 0, 0]);
    const { loss, gradient } = await evaluate(normTerm(), images, { z, c });
    const radius = Math.sqrt(15) / 2;
    expectClose(loss, [(radius - 1) ** 2, 1], 3e-6);
    expectClose(gradient, [3, -1, 2, 1].map((value) => (2 * (radius - 1) * value) / (4 * radius)).concat([0, 0, 0, 0]));
  });

  it('refuses latents of another space', async () => {
    const w = tensor([2, 6], 4);
    await expect(evaluate(normTerm(), images, { w })).rejects.toThrow(UserError);
    await expect(evaluate(startTerm({ z: tensor([2, 6], 1) }), images, { w })).rejects.toThrow('needs "w" [1 or 2, 6]');
    expect(() => meanTerm({ w: tensor([1, 6], 1) }, 0)).toThrow(RangeError);
  });
});
