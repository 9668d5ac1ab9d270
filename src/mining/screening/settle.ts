// From exact sums of candidates to the neighbours of two models, as the exact way makes them of whole tables.

import { present } from '../../lookup.ts';
import type { Direction, Neighbours, Scale, Scorer } from '../correlation/neighbours.ts';
import type { MinedLayer, MinedModel } from '../correlation/plan.ts';
import type { Candidates, Rest } from './candidates.ts';
import type { CandidateSums } from './exact-sums.ts';

/**
 * Takes the candidates in. Under the null a unit's best is the larger of the exact ones and of the estimates of all
 * others, too large rather than too small. The nulls of the halves are those of exact candidates: one that was missed
 * makes their differences wider. So q-values err on the safe side.
 */
export function settle(
  neighbours: Neighbours,
  { pairs, forward, backward }: Candidates,
  sums: CandidateSums,
  scorer: Scorer,
  [a, b]: readonly [MinedModel, MinedModel],
): void {
  const between = new Map<MinedLayer, Map<MinedLayer, readonly [Scale, Scale, Scale]>>();
  const scalesOf = (x: MinedLayer, y: MinedLayer) => {
    const own = between.get(x) ?? new Map<MinedLayer, readonly [Scale, Scale, Scale]>();
    between.set(x, own);
    const known = own.get(y) ?? scorer.between(whole(x), whole(y));
    own.set(y, known);
    return known;
  };
  const [layersA, layersB] = [layerByUnit(a), layerByUnit(b)];
  const twoHalves = scalesTwo(scorer, a, b);
  const hasNull = sums.null[0].length > 0;
  for (let i = 0; 2 * i < pairs.length; i++) {
    const [u, v] = [pairs[2 * i], pairs[2 * i + 1]];
    const [x, y] = [present(layersA[u], 'layer'), present(layersB[v], 'layer')];
    const [scale0, scale1, scale] = scalesOf(x, y);
    const [row, column] = [u - x.offset, v - y.offset];
    if (scale.a.inverse[row] === 0 || scale.b.inverse[column] === 0) continue;
    const score = (sum: number, { n, a: left, b: right }: Scale) =>
      (sum / n - left.mean[row] * right.mean[column]) * left.inverse[row] * right.inverse[column];
    const [real0, real1] = [sums.real[0][i], sums.real[1][i]];
    const [null0, null1] = hasNull ? [sums.null[0][i], sums.null[1][i]] : [NaN, NaN];
    neighbours.offer(u, v, {
      r: score(real0 + real1, scale),
      half0: twoHalves ? score(real0, scale0) : NaN,
      half1: twoHalves ? score(real1, scale1) : NaN,
      null: score(null0 + null1, scale),
      null0: score(null0, scale0),
      null1: score(null1, scale1),
    });
  }
  raise(neighbours.forward, forward);
  raise(neighbours.backward, backward);
}

function raise(direction: Direction, rest: Rest): void {
  for (let u = 0; u < direction.units; u++) direction.raiseNull(u, rest.null[u], NaN, NaN);
}

const whole = (layer: MinedLayer) => ({ layer, start: 0, unit: layer.offset, units: layer.units });

function scalesTwo(scorer: Scorer, a: MinedModel, b: MinedModel): boolean {
  return scorer.between(whole(a.layers[0]), whole(b.layers[0]))[1].n > 0;
}

function layerByUnit({ layers }: MinedModel): MinedLayer[] {
  return layers.flatMap((layer) => new Array<MinedLayer>(layer.units).fill(layer));
}
