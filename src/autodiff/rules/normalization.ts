// Gradients of normalisations. All but that to unit length are y = scale x̂ + bias with x̂ = (x - mean) / standard deviation.
// Softmax is in softmax.ts.

import { float, int } from '../../graph/attributes.ts';
import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { resolveAxis, type Call } from '../../graph/operators/call.ts';
import { int64, sizeOf } from '../../graph/tensor.ts';
import { GradientError, ruleOf, ruleOfSeveral } from '../rule.ts';
import type { AppliedTo, GradientRule, GradientRules, Values } from '../rule.ts';
import { expandTo, reshapeTo, sumTo, zerosLike } from '../values.ts';

/** Values brought to mean 0 and variance 1 along axes. */
interface Standardized {
  readonly xhat: Value;
  /** Inverse standard deviation; the axes have size 1. */
  readonly inverse: Value;
  readonly axes: readonly number[];
}

/**
 * From the axis `axis` on. The operator makes both outputs in one pass over x, where arithmetic would need several: that is
 * why the forward pass is not asked for what it made.
 */
function standardized(b: GraphBuilder, x: Value, axis: number, epsilon: number): Standardized {
  const one = expandTo(b, b.scalar(1, x.dtype), x.shape.slice(axis));
  const attributes = { axis: int(axis), epsilon: float(epsilon) };
  const [xhat, , inverse] = b.op('LayerNormalization', [x, one], attributes, { outputs: 3 });
  return { xhat, inverse, axes: x.shape.flatMap((_, i) => (i < axis ? [] : [i])) };
}

/**
 * The gradient of x by that of x̂: dx = k (g - mean(g) - x̂ mean(g x̂)), with k the inverse standard deviation.
 * @param g gradient of x̂, or of a multiple of it; then k is the same multiple of the inverse standard deviation.
 */
function centred(b: GraphBuilder, g: Value, { xhat, axes }: Standardized, k: Value): Value {
  const mean = (value: Value) => b.reduceMean(value, axes, true);
  return b.mul(k, b.sub(b.sub(g, mean(g)), b.mul(xhat, mean(b.mul(g, xhat)))));
}

const layerNormalization = ruleOfSeveral(2, (b, at, [given, dmean, dinverse]) => {
  const { call } = at;
  const [x, scale, bias] = at.x;
  const dy = given ?? zerosLike(b, x);
  const axis = resolveAxis(call.int('axis', -1), x.shape.length);
  const made = standardized(b, x, axis, call.float('epsilon', 1e-5));
  const { xhat, inverse } = made;
  const dx = () => {
    const count = sizeOf(x.shape.slice(axis));
    let sum = centred(b, b.mul(dy, scale), made, inverse);
    if (dmean) sum = b.add(sum, b.div(dmean, count));
    if (dinverse) sum = b.sub(sum, b.mul(xhat, b.div(b.mul(dinverse, b.mul(inverse, inverse)), count)));
    return sum;
  };
  return [
    at.wants(0) ? dx() : undefined,
    at.wants(1) ? sumTo(b, b.mul(dy, xhat), scale.shape) : undefined,
    bias && at.wants(2) ? sumTo(b, dy, bias.shape) : undefined,
  ];
});

/** Standardised within groups of channels of one image; scale and bias per group or finer. */
const grouped = (groupsOf: (channels: number, call: Call) => number): GradientRule =>
  ruleOf(2, (b, at, [dy]) => {
    const { call } = at;
    const [x, scale] = at.x;
    const [n, channels] = x.shape;
    const groups = groupsOf(channels, call);
    const by = (count: number, value: Value) => reshapeTo(b, value, [n, count, sizeOf(x.shape) / (n * count)]);
    const scales = scale.shape[0];
    const factor = b.reshape(scale, [scales, 1]);
    const made = standardized(b, by(groups, x), 2, call.float('epsilon', 1e-5));
    const dx = () =>
      scales === groups
        ? centred(b, by(groups, dy), made, b.mul(made.inverse, factor))
        : centred(b, by(groups, b.mul(by(scales, dy), factor)), made, made.inverse);
    const sum = (value: Value) => b.reduceSum(value, [0, 2]);
    return [
      at.wants(0) ? reshapeTo(b, dx(), x.shape) : undefined,
      at.wants(1) ? sum(b.mul(by(scales, dy), by(scales, made.xhat))) : undefined,
      at.wants(2) ? sum(by(scales, dy)) : undefined,
    ];
  });

const batchNormalization = ruleOfSeveral(5, (b, at, gradients) => {
  if (at.call.int('training_mode', 0) === 1) return trainedBatchNormalization(b, at, gradients);
  const [dy] = gradients;
  if (!dy) return [];
  const [x, scale, , mean, variance] = at.x;
  const { column, sum, inverseOf } = perChannel(b, at);
  const dbias = at.wants(2) ? sum(dy) : undefined;
  const inverse = inverseOf(variance);
  const k = b.mul(scale, inverse);
  const dscale = at.wants(1) || at.wants(4) ? b.mul(sum(b.mul(dy, b.sub(x, column(mean)))), inverse) : undefined;
  return [
    at.wants(0) ? b.mul(dy, column(k)) : undefined,
    at.wants(1) ? dscale : undefined,
    dbias,
    at.wants(3) ? b.neg(b.mul(dbias ?? sum(dy), k)) : undefined,
    dscale && at.wants(4) ? b.mul(b.mul(dscale, b.mul(k, inverse)), -0.5) : undefined,
  ];
});

/**
 * By the statistics of the batch: dx = k dy + (x̂ scale' + bias'), the latter one more normalisation, with
 * scale' = -k dscale / n + 2 dvariance / (n inverse) and bias' = -k dbias / n + dmean / n. So it takes few passes over maps.
 */
function trainedBatchNormalization(b: GraphBuilder, at: AppliedTo<5>, [given, dmean, dvariance]: Values): Values {
  const { call, wants } = at;
  const [x, scale] = at.x;
  const [, newMean, newVariance] = at.y;
  const { column, sum, inverseOf, count } = perChannel(b, at);
  const momentum = call.float('momentum', 0.9);
  const statistics = () => {
    const mean = b.div(sum(x), count);
    const fromMean = b.sub(x, column(mean));
    return { mean, variance: b.div(sum(b.mul(fromMean, fromMean)), count) };
  };
  const kept = momentum === 0 && newMean && newVariance ? { mean: newMean, variance: newVariance } : undefined;
  const { mean, variance } = kept ?? statistics();
  const inverse = inverseOf(variance);
  const k = b.mul(scale, inverse);
  const ofOutput = (dy: Value) => {
    const dbias = sum(dy);
    return { dy, dbias, dscale: b.mul(b.sub(sum(b.mul(dy, x)), b.mul(mean, dbias)), inverse) };
  };
  const own = given && ofOutput(given);
  const input = () => {
    const fresh = 1 - momentum;
    const terms = (parts: (Value | undefined)[]) =>
      b.div(
        parts.reduce<Value>((total, part) => (part ? b.add(total, part) : total), zerosLike(b, scale)),
        count,
      );
    const scales = terms([
      own && b.neg(b.mul(k, own.dscale)),
      dvariance && b.div(b.mul(dvariance, 2 * fresh), inverse),
    ]);
    const biases = terms([own && b.neg(b.mul(k, own.dbias)), dmean && b.mul(dmean, fresh)]);
    const rest = b.batchNormalization(x, scales, biases, mean, variance, call.float('epsilon', 1e-5));
    return own ? b.add(b.mul(own.dy, column(k)), rest) : rest;
  };
  return [
    wants(0) ? input() : undefined,
    wants(1) ? own?.dscale : undefined,
    wants(2) ? own?.dbias : undefined,
    wants(3) && dmean ? b.mul(dmean, momentum) : undefined,
    wants(4) && dvariance ? b.mul(dvariance, momentum) : undefined,
  ];
}

/** What both kinds of batch normalisation need: columns to broadcast, sums over all but the channels, inverse standard deviations. */
function perChannel(b: GraphBuilder, { call, x: [x] }: AppliedTo<5>) {
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const places = axes.slice(1);
  return {
    count: sizeOf(x.shape) / x.shape[1],
    column: (value: Value) => reshapeTo(b, value, [value.shape[0], ...places.map(() => 1)]),
    // In two steps: engines are fast at sums over the innermost axes, and slow at sums around an axis.
    sum: (value: Value) => b.reduceSum(places.length ? b.reduceSum(value, places) : value, [0]),
    inverseOf: (value: Value) => b.op('Reciprocal', [b.sqrt(b.add(value, call.float('epsilon', 1e-5)))])[0],
  };
}

const lpNormalization = ruleOf(1, (b, { call, x: [x], y: [y] }, [dy]) => {
  if (call.int('p', 2) !== 2) throw new GradientError('only the norm with p = 2 has a gradient');
  const axis = call.int('axis', -1);
  const [norm] = b.op('ReduceL2', [x, b.constant(int64([axis]))]);
  const sum = b.reduceSum(b.mul(dy, y), [axis], true);
  return [b.div(b.sub(dy, b.mul(y, sum)), b.where(b.equal(norm, 0), Infinity, norm))];
});

export const normalization: GradientRules = {
  /**
   * dx as of x̂ for g = dy scale, dscale = sum(dy x̂), dbias = sum(dy); of the optional outputs, dx = dmean / n and
   * dx = -dinverse inverse^2 x̂ / n.
   */
  LayerNormalization: layerNormalization,
  /** Inference: dx = dy k, dscale = sum(dy x̂), dbias = sum(dy), dmean = -k dbias, dvariance = -k dscale / 2 standard deviation. */
  BatchNormalization: batchNormalization,
  /** As of x̂ for each image and channel. */
  InstanceNormalization: grouped((channels) => channels),
  /** As of x̂ for each image and group of channels. */
  GroupNormalization: grouped((_channels, call) => call.int('num_groups')),
  /** y = x / |x|: dx = (dy - y sum(dy y)) / |x|, and 0 where x = 0. */
  LpNormalization: lpNormalization,
};
