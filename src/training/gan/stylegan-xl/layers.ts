// The plan of a StyleGAN3's synthesis: rates, sizes, paddings and low-pass filters of its layers, from a few numbers.
// It is what the official pickles tell of a network that exists; no weights are made here.

import Type from 'typebox';
import { UserError } from '../../../errors.ts';
import type { Read } from '../../../files/json.ts';
import type { StyleGan3Layer } from '../../../zoo/stylegan3/layer.ts';
import { channels, each, whole } from '../../recipe/numbers.ts';

const band = (description: string) => Type.Optional(Type.Number({ minimum: 0.5, maximum: 8192, description }));

/** Fields of the sizes. */
export const synthesisFields = {
  size: whole('Side of the images in pixels, a power of two.', 8192, 4),
  channels: each(
    channels('Channels of the maps of one layer; multiples of 16 are the fastest.'),
    'Channels of the layers in order, without the last one to colours; the input has those of the first.',
    1,
    64,
  ),
  kernel: Type.Optional(Type.Enum([1, 3], { description: 'Side of the kernels in pixels; default 3.' })),
  margin: Type.Optional(whole('Positions beyond the image on every side; default 10.', 256, 0)),
  filterSize: Type.Optional(whole('Taps of the low-pass filters at the lower of their two rates; default 6.', 64, 2)),
  critical: Type.Optional(whole('Last layers that use the whole band of the rate of the images; default 2.', 64, 0)),
  firstCutoff: band('Cutoff of the input in cycles per image; default 2.'),
  firstStopband: band('Frequency beyond which the input has nothing, in cycles per image; default 2^2.1.'),
  lastStopband: Type.Optional(
    Type.Number({ minimum: 1, maximum: 16, description: 'The last stopband over the last cutoff; default 2^0.3.' }),
  ),
};
export type SynthesisSizes = Read<Type.TObject<typeof synthesisFields>>;

/** Taps of a filter, far beyond any in use; the window of a longer one is beyond double precision. */
const longestFilter = 256;

/** Defaults of the official code. */
export const synthesisDefaults = {
  kernel: 3,
  margin: 10,
  filterSize: 6,
  critical: 2,
  firstCutoff: 2,
  firstStopband: 2 ** 2.1,
  lastStopband: 2 ** 0.3,
} as const;

export interface PlannedLayer {
  readonly layer: StyleGan3Layer;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  /** undefined where there is no resampling. */
  readonly upFilter?: Float32Array;
  readonly downFilter?: Float32Array;
}

export interface SynthesisPlan {
  readonly input: { readonly size: number; readonly samplingRate: number; readonly bandwidth: number };
  readonly layers: readonly PlannedLayer[];
}

/** A signal at one place between layers. */
interface Signal {
  readonly rate: number;
  readonly size: number;
  readonly cutoff: number;
  /** Half the width of the transition from the cutoff to the stopband. */
  readonly halfWidth: number;
}

/**
 * Plans the layers: cutoffs and stopbands grow geometrically up to the critically sampled layers, leaky ReLUs are at twice
 * the rate.
 * Source: Karras et al., "Alias-Free Generative Adversarial Networks", 2021, section 3 and appendix C;
 * `SynthesisNetwork` and `SynthesisLayer` of the official code.
 * @throws UserError when there are not enough layers, or the first stopband is beyond the last.
 */
export function planSynthesis(sizes: SynthesisSizes): SynthesisPlan {
  if (!Number.isInteger(Math.log2(sizes.size)))
    throw new UserError(`"size" of a StyleGAN-XL is ${sizes.size}; give a power of two`);
  const {
    size,
    channels: widths,
    kernel,
    margin,
    filterSize,
    critical,
    firstCutoff,
    firstStopband,
    lastStopband,
  } = {
    ...synthesisDefaults,
    ...sizes,
  };
  const count = widths.length;
  const last = { cutoff: size / 2, stopband: (size / 2) * lastStopband };
  if (count <= critical || firstCutoff > last.cutoff || firstStopband > last.stopband || firstStopband <= firstCutoff) {
    throw new UserError(
      `${count} layers, ${critical} of them critically sampled, do not lead from a band of ${firstCutoff} to ${firstStopband} to images of ${size} pixels; there must be more layers than critically sampled ones, and the first band within the last, ${last.cutoff} to ${last.stopband}`,
    );
  }
  const signals = Array.from({ length: count + 1 }, (_, i): Signal => {
    const fraction = Math.min(1, i / (count - critical));
    const cutoff = firstCutoff * (last.cutoff / firstCutoff) ** fraction;
    const stopband = firstStopband * (last.stopband / firstStopband) ** fraction;
    const rate = 2 ** Math.ceil(Math.log2(Math.min(2 * stopband, size)));
    const whole = i >= count - 1 ? size : rate + 2 * margin;
    return { rate, size: whole, cutoff, halfWidth: Math.max(stopband, rate / 2) - cutoff };
  });
  const layers = signals.map((to, i): PlannedLayer => {
    const toRgb = i === count;
    const from = signals[Math.max(0, i - 1)];
    const [inputs, outputs] = [widths[Math.max(0, i - 1)], toRgb ? 3 : widths[i]];
    const name = `L${i}_${to.size}_${outputs}`;
    const rate = Math.max(from.rate, to.rate) * (toRgb ? 1 : 2);
    const [up, down] = [rate / from.rate, rate / to.rate];
    const longer = filterSize * Math.max(up, down);
    if (longer > longestFilter) {
      throw new UserError(
        `a layer of ${count} changes the rate ${Math.max(up, down)}-fold, with a filter of ${longer} taps; at most ${longestFilter} are possible. Give more layers, a smaller filterSize or a wider first band`,
      );
    }
    const filter = (factor: number, { cutoff, halfWidth }: Signal) =>
      factor > 1 && !toRgb ? lowPass(filterSize * factor, cutoff, 2 * halfWidth, rate) : undefined;
    const [upFilter, downFilter] = [filter(up, from), filter(down, to)];
    const side = toRgb ? 1 : kernel;
    const taps = (upFilter?.length ?? 1) + (downFilter?.length ?? 1);
    const total = (to.size - 1) * down + 1 - (from.size + side - 1) * up + taps - 2;
    const before = Math.floor((total + up) / 2);
    const padding = [before, total - before, before, total - before] as const;
    return {
      layer: { name, up, down, padding, clamp: null, toRgb },
      inputs,
      outputs,
      kernel: side,
      ...(upFilter && { upFilter }),
      ...(downFilter && { downFilter }),
    };
  });
  const [{ size: side, rate: samplingRate, cutoff: bandwidth }] = signals;
  return { input: { size: side, samplingRate, bandwidth }, layers };
}

/**
 * A low-pass filter: the ideal one under a Kaiser window, with the sum 1.
 * Source: Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974, as in SciPy's `firwin`.
 * @param cutoff frequency, and `width` of the transition, in the units of the sampling rate.
 */
export function lowPass(taps: number, cutoff: number, width: number, rate: number): Float32Array {
  const nyquist = rate / 2;
  const attenuation = 2.285 * (taps - 1) * Math.PI * (width / nyquist) + 7.95;
  const beta =
    attenuation > 50
      ? 0.1102 * (attenuation - 8.7)
      : attenuation > 21
        ? 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
        : 0;
  const middle = (taps - 1) / 2;
  const values = Array.from({ length: taps }, (_, i) => {
    const x = (Math.PI * (i - middle) * cutoff) / nyquist;
    const window = besselI0(beta * Math.sqrt(1 - ((i - middle) / middle) ** 2));
    return window * (x === 0 ? 1 : Math.sin(x) / x);
  });
  const sum = values.reduce((total, value) => total + value, 0);
  return Float32Array.from(values, (value) => value / sum);
}

/** The modified Bessel function of order 0, by its series. */
function besselI0(x: number): number {
  let sum = 1;
  for (let k = 1, term = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
