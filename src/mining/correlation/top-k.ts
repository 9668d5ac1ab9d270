// Running k best candidates of many units, best first; ties go to the candidate with the lower index.
// It keeps numbers that belong to a candidate beside it, and knows nothing of where they come from.

export class TopK {
  /** `[units, k]`; -1 where there is no candidate. */
  readonly index: Int32Array;
  /** `[units, k]`; -Infinity where there is no candidate. */
  readonly r: Float32Array;
  /** Companions of each candidate, `[units, k]` each. */
  readonly extra: readonly Float32Array[];

  constructor(
    readonly units: number,
    readonly k: number,
    extras = 0,
  ) {
    this.index = new Int32Array(units * k).fill(-1);
    this.r = new Float32Array(units * k).fill(-Infinity);
    this.extra = Array.from({ length: extras }, () => new Float32Array(units * k));
  }

  /** The value that a new candidate of `unit` must reach. */
  threshold(unit: number): number {
    return this.r[unit * this.k + this.k - 1];
  }

  /** Takes the candidate in if it is among the best so far. */
  offer(unit: number, candidate: number, value: number, extra?: readonly number[]): void {
    const { index, r, k } = this;
    const first = unit * k;
    let slot = first + k - 1;
    const rounded = Math.fround(value);
    if (!(rounded > r[slot] || (rounded === r[slot] && candidate < index[slot]))) return;
    while (slot > first && (rounded > r[slot - 1] || (rounded === r[slot - 1] && candidate < index[slot - 1]))) {
      r[slot] = r[slot - 1];
      index[slot] = index[slot - 1];
      for (const values of this.extra) values[slot] = values[slot - 1];
      slot--;
    }
    r[slot] = rounded;
    index[slot] = candidate;
    if (extra) this.extra.forEach((values, i) => (values[slot] = extra[i]));
  }

  /** Position (0 = best) of a candidate among the first `k` of a unit, or -1. */
  rank(unit: number, candidate: number, k = this.k): number {
    const first = unit * this.k;
    for (let i = 0; i < Math.min(k, this.k); i++) if (this.index[first + i] === candidate) return i;
    return -1;
  }

  /** The best candidate of a unit, or -1. */
  best(unit: number): number {
    return this.index[unit * this.k];
  }
}
