// The best estimates of every unit of one direction of two models, by table: over all images and each half, real and null.
// It ranks numbers; where they come from is `screen.ts`'s, what is made of them `candidates.ts`'s.

import { TopK } from '../correlation/top-k.ts';

/** The score tables of two models. */
export const tables = ['real', 'half0', 'half1', 'null', 'null0', 'null1'] as const;
export type Table = (typeof tables)[number];

/** How many are kept of each. */
export type ListLengths = Readonly<Record<Table, number>>;

/** The best of one table for every unit. */
export class List {
  readonly top: TopK;
  /** `[units]`: what a new one must reach. */
  readonly floor: Float32Array;

  constructor(units: number, length: number) {
    this.top = new TopK(units, length);
    this.floor = new Float32Array(units).fill(-Infinity);
  }

  offer(unit: number, candidate: number, value: number): void {
    this.top.offer(unit, candidate, value);
    this.floor[unit] = this.top.threshold(unit);
  }
}

export type Lists = Readonly<Record<Table, List>>;

/** @param others units of the other model. */
export function makeLists(units: number, others: number, lengths: ListLengths): Lists {
  const list = (table: Table) => new List(units, Math.min(lengths[table], others));
  return {
    real: list('real'),
    half0: list('half0'),
    half1: list('half1'),
    null: list('null'),
    null0: list('null0'),
    null1: list('null1'),
  };
}
