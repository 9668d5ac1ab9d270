// StyleGAN2 as its definition reads, in float64 and one pixel at a time: for architectures without golden files.
// It shares no code with the builders; styles scale the weights here, and zeros are really inserted.

import { float32, sizeOf, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { noise } from '../fixtures.ts';

type Architecture = 'skip' | 'orig' | 'resnet';
const lengths = 6;
const channels: Readonly<Record<number, number>> = { 4: 6, 8: 5, 16: 4 };
const sizes = [4, 8, 16];
const strength = 0.3;

/** Random tensors of a small generator with the names of stylegan2-ada-pytorch. Its filter has no symmetry. */
export function smallTensors(architecture: Architecture): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const add = (name: string, ...shape: number[]) => tensors.set(name, noise(shape, tensors.size + 1));
  const filter = (name: string) => {
    const taps = [1, 4, 2, 1];
    tensors.set(
      name,
      float32(
        [4, 4],
        taps.flatMap((a) => taps.map((b) => (a * b) / 64)),
      ),
    );
  };
  const styled = (name: string, out: number, inputs: number, size: number) => {
    add(`${name}.weight`, out, inputs, 3, 3);
    add(`${name}.bias`, out);
    add(`${name}.noise_const`, size, size);
    tensors.set(`${name}.noise_strength`, float32([], [strength]));
    add(`${name}.affine.weight`, inputs, lengths);
    add(`${name}.affine.bias`, inputs);
    filter(`${name}.resample_filter`);
  };
  for (let i = 0; i < 2; i++) {
    add(`mapping.fc${i}.weight`, lengths, lengths);
    add(`mapping.fc${i}.bias`, lengths);
  }
  add('mapping.w_avg', lengths);
  add('synthesis.b4.const', channels[4], 4, 4);
  for (const size of sizes) {
    const name = `synthesis.b${size}`;
    const [out, inputs] = [channels[size], channels[size / 2]];
    filter(`${name}.resample_filter`);
    if (size > 4) styled(`${name}.conv0`, out, inputs, size);
    styled(`${name}.conv1`, out, out, size);
    if (size > 4 && architecture === 'resnet') add(`${name}.skip.weight`, out, inputs, 1, 1);
    if (architecture === 'skip' || size === 16) {
      add(`${name}.torgb.weight`, 3, out, 1, 1);
      add(`${name}.torgb.bias`, 3);
      add(`${name}.torgb.affine.weight`, out, lengths);
      add(`${name}.torgb.affine.bias`, out);
    }
  }
  return tensors;
}

/** Maps of one image, by channel and row. */
type Maps = number[][][];

/** Layers and image of that generator for one w, with the file's noise. */
export function reference(tensors: ReadonlyMap<string, Tensor>, architecture: Architecture, clamp: number, w: Tensor) {
  const values = (name: string) => Array.from(toFloat32(tensors.get(name)!));
  const latent = Array.from(toFloat32(w));
  const taps: Record<string, Tensor> = {};
  const filterOf = (name: string) => rows(values(`${name}.resample_filter`), 4);

  const style = (name: string): number[] => {
    const matrix = values(`${name}.affine.weight`);
    return values(`${name}.affine.bias`).map(
      (bias, i) => bias + latent.reduce((sum, v, j) => sum + (v * matrix[i * lengths + j]) / Math.sqrt(lengths), 0),
    );
  };
  const kernelsOf = (name: string, side: number, factors: number[], demodulate: boolean): Maps[] => {
    const flat = values(`${name}.weight`);
    const inputs = factors.length;
    return Array.from({ length: flat.length / (inputs * side * side) }, (_, o) => {
      const kernel = factors.map((factor, i) =>
        rows(flat.slice((o * inputs + i) * side * side, (o * inputs + i + 1) * side * side), side).map((row) =>
          row.map((value) => value * factor),
        ),
      );
      const norm = demodulate ? Math.sqrt(kernel.flat(2).reduce((sum, v) => sum + v * v, 1e-8)) : 1;
      return kernel.map((plane) => plane.map((row) => row.map((v) => v / norm)));
    });
  };
  const clip = (v: number, limit: number) => Math.min(limit, Math.max(-limit, v));
  const styled = (x: Maps, name: string, up: boolean, gain: number): Maps => {
    const kernels = kernelsOf(name, 3, style(name), true);
    const raw = up
      ? filtered(
          pad(
            correlate(
              pad(inserted(x), 2, 1),
              kernels.map((kernel) => kernel.map(turned)),
            ),
            1,
            1,
          ),
          filterOf(name),
        )
      : correlate(pad(x, 1, 1), kernels);
    const noises = rows(values(`${name}.noise_const`), raw[0].length);
    const bias = values(`${name}.bias`);
    const out = raw.map((plane, c) =>
      plane.map((row, i) =>
        row.map((v, j) => {
          const sum = v + strength * noises[i][j] + bias[c];
          return clip(Math.SQRT2 * gain * (sum < 0 ? 0.2 * sum : sum), clamp * gain);
        }),
      ),
    );
    taps[name] = tensorOf(out);
    return out;
  };

  const constant = values('synthesis.b4.const');
  let x: Maps = Array.from({ length: channels[4] }, (_, c) => rows(constant.slice(16 * c, 16 * c + 16), 4));
  let image: Maps | undefined;
  for (const size of sizes) {
    const name = `synthesis.b${size}`;
    const residual = size > 4 && architecture === 'resnet';
    const before = x;
    if (size > 4) x = styled(x, `${name}.conv0`, true, 1);
    x = styled(x, `${name}.conv1`, false, residual ? Math.SQRT1_2 : 1);
    if (residual) {
      const inputs = before.length;
      const kernels = kernelsOf(`${name}.skip`, 1, Array<number>(inputs).fill(1 / Math.sqrt(inputs)), false);
      const skip = filtered(pad(inserted(correlate(before, kernels)), 2, 1), filterOf(name));
      x = x.map((plane, c) => plane.map((row, i) => row.map((v, j) => v + Math.SQRT1_2 * skip[c][i][j])));
    }
    taps[name] = tensorOf(x);
    if (image) image = filtered(pad(inserted(image), 2, 1), filterOf(name));
    if (!tensors.has(`${name}.torgb.weight`)) continue;
    const factors = style(`${name}.torgb`).map((factor) => factor / Math.sqrt(x.length));
    const bias = values(`${name}.torgb.bias`);
    const own = correlate(x, kernelsOf(`${name}.torgb`, 1, factors, false)).map((plane, c) =>
      plane.map((row) => row.map((v) => clip(v + bias[c], clamp))),
    );
    taps[`${name}.torgb`] = tensorOf(own);
    const sum: Maps | undefined = image;
    image = sum ? own.map((plane, c) => plane.map((row, i) => row.map((v, j) => v + sum[c][i][j]))) : own;
  }
  return { taps, output: tensorOf(image!) };
}

const rows = (flat: number[], width: number): number[][] =>
  Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));

const turned = (plane: number[][]): number[][] => plane.map((row) => row.toReversed()).reverse();

/** A zero after each pixel and each row. */
const inserted = (x: Maps): Maps =>
  x.map((plane) => plane.flatMap((row) => [row.flatMap((v) => [v, 0]), Array<number>(2 * row.length).fill(0)]));

const pad = (x: Maps, before: number, after: number): Maps =>
  x.map((plane) => {
    const zeros = (count: number) => Array<number>(count).fill(0);
    const padded = plane.map((row) => [...zeros(before), ...row, ...zeros(after)]);
    const empty = (count: number) => Array.from({ length: count }, () => zeros(padded[0].length));
    return [...empty(before), ...padded, ...empty(after)];
  });

const correlate = (x: Maps, kernels: Maps[]): Maps =>
  kernels.map((kernel) => {
    const side = kernel[0].length;
    const length = x[0].length - side + 1;
    return Array.from({ length }, (_, i) =>
      Array.from({ length }, (_, j) =>
        kernel.reduce(
          (sum, plane, c) =>
            sum + plane.reduce((s, row, p) => s + row.reduce((t, v, q) => t + v * x[c][i + p][j + q], 0), 0),
          0,
        ),
      ),
    );
  });

/** Convolution of every channel with a filter, times 4: that of doubling. */
const filtered = (x: Maps, filter: number[][]): Maps => {
  const kernel = turned(filter).map((row) => row.map((v) => 4 * v));
  return x.flatMap((plane) => correlate([plane], [[kernel]]));
};

const tensorOf = (x: Maps): Tensor => {
  const shape = [1, x.length, x[0].length, x[0][0].length];
  const flat = x.flat(2);
  if (flat.length !== sizeOf(shape)) throw new Error('rows of unequal lengths');
  return float32(shape, flat);
};
