// Up- and down-sampling by FIR filters along one axis, as short filters between interleaved parts of the signal.
// Numbers only: what is added to a graph is in filtered-relu.ts.

/** One axis of a filtered nonlinearity: zero insertion, padding, a filter, something pointwise, a filter, decimation. */
export interface FilterAxis {
  /** Samples that come in. */
  readonly size: number;
  /** Factors of zero insertion and of decimation; the first is a multiple of the second. */
  readonly up: number;
  readonly down: number;
  /** Zeros before and after the signal with its inserted zeros; negative numbers crop it. */
  readonly padding: readonly [number, number];
  /** Lengths of the two filters. */
  readonly upTaps: number;
  readonly downTaps: number;
}

/**
 * The up-sampled signal T is held as `up` phases at the rate of the input, T_p[q] = T[q * up + p], and the output as
 * `up / down` phases. No inserted zero is ever multiplied, and nothing is interleaved before the end.
 */
export interface Polyphase {
  /** Samples of the output. */
  readonly outSize: number;
  /** Zeros to add before and after the input, where negative, samples of it that have no influence. */
  readonly margin: readonly [number, number];
  /**
   * For each phase of T, the tap of the (flipped) first filter at each place of a window that slides over the input;
   * undefined for none. All windows have one length and begin at the same sample.
   */
  readonly rise: readonly (readonly (number | undefined)[])[];
  /** For each phase of the output, for each phase of T, the same of the second filter. */
  readonly fall: readonly (readonly (readonly (number | undefined)[])[])[];
}

const floorDiv = (a: number, b: number): number => Math.floor(a / b);
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * Splits one axis into phases.
 * Indices of taps are those of the filters flipped end to end (a convolution), as upfirdn2d of StyleGAN applies them.
 */
export function polyphase({ size, up, down, padding, upTaps, downTaps }: FilterAxis): Polyphase {
  const [before, after] = padding;
  const outSize = floorDiv(size * up + before + after - (upTaps - 1) - (downTaps - 1) + down - 1, down);
  const outPhases = up / down;

  // y[m] = sum_j g[j] T[m * down + j], with m = q * outPhases + o and T's index = (q + step) * up + phase.
  const reach = floorDiv((outPhases - 1) * down + downTaps - 1, up) + 1;
  const fall = range(outPhases).map((o) =>
    range(up).map((phase) => range(reach).map((step) => tapAt(step * up + phase - o * down, downTaps))),
  );

  // T[t] = sum_j f[j] U[t + j - before], with U[i * up] = x[i] and zeros between, t = q * up + phase, i = q + offset.
  const first = Math.ceil(-before / up);
  const last = floorDiv(up - 1 + upTaps - 1 - before, up);
  const rise = range(up).map((phase) =>
    range(last - first + 1).map((i) => tapAt((first + i) * up + before - phase, upTaps)),
  );

  const samples = Math.ceil(outSize / outPhases) + reach - 1;
  return { outSize, margin: [0 - first, samples + last - size], rise, fall };
}

const tapAt = (index: number, taps: number): number | undefined => (index >= 0 && index < taps ? index : undefined);
