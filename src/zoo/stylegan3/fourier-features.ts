// The input of StyleGAN3's synthesis: Fourier features, moved and turned by w, and mixed into channels.
// It is everything before the first layer.

import Type from 'typebox';
import type { Read } from '../../files/json.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { float32 } from '../../graph/tensor.ts';
import { above0, whole } from '../bounds.ts';
import { heldChannels, zeroPadded, type Held } from './layer.ts';
import type { Weights } from '../weights.ts';

export const fourierFeaturesSchema = Type.Object({
  height: whole('In positions.', 1024),
  width: whole('In positions.', 1024),
  samplingRate: above0('Pixels per unit of length.'),
  bandwidth: above0('Frequency up to which features have their full amplitude.'),
});

export type FourierFeatures = Read<typeof fourierFeaturesSchema>;

/**
 * Adds the features: sin(2 pi (f' . p + phase')) for each frequency f, at pixel centres p, where f' and phase' are those
 * of a plane that w's affine map turns and shifts, and the file's own `transform` before that; frequencies above the
 * bandwidth fade out. Source: Karras et al., "Alias-Free Generative Adversarial Networks", 2021, appendix F, and
 * `SynthesisInput` of the official code.
 * @param w `[n, w]`.
 */
export function fourierFeatures(
  b: GraphBuilder,
  w: Value,
  weights: Weights,
  { height, width, samplingRate, bandwidth }: FourierFeatures,
): Held {
  const name = 'synthesis.input';
  const n = w.shape[0];
  const [count] = weights.shape(`${name}.freqs`);
  const held = heldChannels(count);

  // Rotation as cosine and sine, and a shift, all divided by the length of the first two.
  const affine = weights.constant(b, `${name}.affine.weight`, [4, w.shape[1]]);
  const bias = weights.constant(b, `${name}.affine.bias`, [4]);
  const motion = b.gemm(w, affine, bias, { transB: true, alpha: 1 / Math.sqrt(w.shape[1]) });
  const turn = b.slice(motion, { axes: [1], starts: [0], ends: [2] });
  const unit = b.div(motion, b.sqrt(b.reduceSumSquare(turn, [1], true)));
  const [rotation, x, y] = b.split(unit, [2, 1, 1], 1);
  const terms = b.concat([rotation, b.mul(rotation, x), b.mul(rotation, y)], 1);

  const movement = weights.derived(b, `${name}:movement`, () =>
    float32(
      [6, 3 * count],
      movementOf(weights.values(`${name}.freqs`, [count, 2]), weights.values(`${name}.transform`, [3, 3])),
    ),
  );
  const rest = weights.derived(b, `${name}:phases`, () => {
    const phases = new Float32Array(3 * count);
    phases.set(weights.values(`${name}.phases`, [count]), 2 * count);
    return float32([3 * count], phases);
  });
  const moved = b.reshape(b.gemm(terms, movement, rest), [n, 3, count, 1, 1]);
  const [fx, fy, phase] = b.split(moved, [1, 1, 1], 1).map((part) => b.reshape(part, [n, count, 1, 1]));

  const radius = b.sqrt(b.add(b.mul(fx, fx), b.mul(fy, fy)));
  const fade = 1 / (samplingRate / 2 - bandwidth);
  const amplitude = b.clip(b.sub(1 + bandwidth * fade, b.mul(radius, fade)), 0, 1);

  const centres = (size: number) =>
    Float32Array.from({ length: size }, (_, i) => (2 * Math.PI * (i + 0.5 - size / 2)) / samplingRate);
  const across = b.mul(fx, b.constant(float32([1, 1, 1, width], centres(width))));
  const down = b.add(b.mul(fy, b.constant(float32([1, 1, height, 1], centres(height)))), b.mul(phase, 2 * Math.PI));
  const [waves] = b.op('Sin', [b.add(across, down)]);

  const features = b.mul(waves, b.mul(amplitude, 1 / Math.sqrt(count)));
  const mixing = zeroPadded(b, weights, `${name}.weight`, [count, count], [held, count]);
  const mixed = b.matmul(mixing, b.reshape(features, [n, count, height * width]));
  return { value: b.reshape(mixed, [n, held, height, width]), channels: count };
}

/**
 * Frequencies and phases are linear in cosine, sine, and these times the shift: the matrix of that map, `[6, 3 * count]`,
 * columns being all fx, all fy, all phases. With T the transform, R the rotation and s the shift, the plane is moved by
 * R [1 | -s] T.
 */
function movementOf(freqs: Float32Array, transform: Float32Array): Float32Array {
  const count = freqs.length / 2;
  const matrix = new Float32Array(18 * count);
  for (let i = 0; i < count; i++) {
    const [f0, f1] = freqs.subarray(2 * i);
    for (let k = 0; k < 3; k++) {
      const [t0, t1, t2] = [transform[k], transform[3 + k], transform[6 + k]];
      const column = [f0 * t0 + f1 * t1, f1 * t0 - f0 * t1, -f0 * t2, -f1 * t2, -f1 * t2, f0 * t2];
      column.forEach((value, term) => (matrix[term * 3 * count + k * count + i] = value));
    }
  }
  return matrix;
}
