// Adam on plain arrays, and the schedule of StyleGAN's projector.
// It knows neither graphs nor latents.

/** Moments of one array; plain data, so that a search can be saved. */
export interface AdamState {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export const adamState = (length: number): AdamState => ({
  first: new Float32Array(length),
  second: new Float32Array(length),
});

export interface AdamOptions {
  readonly rate: number;
  /** Number of this step, from 1. */
  readonly step: number;
  /** Default 0.9 and 0.999, epsilon 1e-8. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** One step, in place. Source: Kingma and Ba, 2015, algorithm 1. */
export function adamStep(
  x: Float32Array,
  gradient: Float32Array,
  { first, second }: AdamState,
  { rate, step, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions,
): void {
  const bias1 = 1 - beta1 ** step;
  const bias2 = 1 - beta2 ** step;
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i];
    first[i] = beta1 * first[i] + (1 - beta1) * g;
    second[i] = beta2 * second[i] + (1 - beta2) * g * g;
    x[i] -= (rate * (first[i] / bias1)) / (Math.sqrt(second[i] / bias2) + epsilon);
  }
}

/**
 * Fraction of the full learning rate at a point of the search: a linear rise over the first 5 %, a cosine fall over the last
 * 25 %. Source: the projector of StyleGAN2.
 * @param t steps done over all steps, in [0, 1).
 */
export function projectorRate(t: number, rise = 0.05, fall = 0.25): number {
  const down = 0.5 - 0.5 * Math.cos(Math.PI * Math.min(1, (1 - t) / fall));
  return down * Math.min(1, t / rise);
}

/** Fraction of the full noise on w: falls as a square to none at three quarters of the search. Source: as above. */
export const projectorNoise = (t: number, until = 0.75): number => Math.max(0, 1 - t / until) ** 2;
