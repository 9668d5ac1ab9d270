// What an objective is made of: terms, each a small graph from generated images and maps to one number for every row.
// A term is to be minimised. Their weighted sum, its gradient and the search are in search/step-graph.ts and optimise.ts.

import type { GraphBuilder, Value } from '../../graph/builder.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { BuiltGenerator, Generator } from '../../zoo/model.ts';
import type { LatentName } from '../search/latents.ts';

/** What a term may look at while it is added. */
export interface Scene {
  readonly b: GraphBuilder;
  /** Rows: latents that are optimised side by side. */
  readonly n: number;
  readonly generator: Generator;
  readonly built: BuiltGenerator;
  /** `[n, 3, height, width]`, RGB, in [0, 1] but for overshoots, which still have a gradient. */
  readonly images: Value;
  /** What the optimiser moves, and what it was given. */
  readonly latents: Readonly<Partial<Record<LatentName, Value>>>;
  /** A graph input that is fed with this tensor in every step. */
  given(name: string, tensor: Tensor): Value;
}

export interface AddedTerm {
  /** `[n]`. */
  readonly loss: Value;
  /** Further values to report, `[n, ...]`, e.g. r of every pair. */
  readonly details?: Readonly<Record<string, Value>>;
}

export interface Term {
  /** Unique among the terms of an objective, e.g. `rosetta`. */
  readonly name: string;
  readonly weight: number;
  addTo(scene: Scene): AddedTerm;
}

/** Sums all axes but the first: `[n, ...]` to `[n]`. */
export const sumRows = (b: GraphBuilder, x: Value): Value => b.reduceSum(x, [...x.shape.keys()].slice(1));

/** Means over all axes but the first: `[n, ...]` to `[n]`. */
export const meanRows = (b: GraphBuilder, x: Value): Value => b.reduceMean(x, [...x.shape.keys()].slice(1));
