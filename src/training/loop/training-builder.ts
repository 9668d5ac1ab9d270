// A builder whose batch normalisations are those of training: by the statistics of the batch, with running ones kept.
// Everything else is as the zoo's builders add it.

import { float, int } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { sizeOf } from '../../graph/tensor.ts';

export class TrainingBuilder extends GraphBuilder {
  /** New values of running means and variances, by the values that they replace. */
  readonly updates = new Map<Value['name'], Value>();
  readonly #kept: (mean: Value) => boolean;
  /** Batch normalisations so far. */
  #normalisations = 0;

  /**
   * @param momentum fraction of the batch's statistics in the new running ones; 0.1, as PyTorch has it.
   * @param kept statistics that are used as they are, e.g. those of a teacher: normalisation as in inference.
   */
  constructor(
    options: { name?: string; opset?: number } = {},
    readonly momentum = 0.1,
    kept: (mean: Value) => boolean = () => false,
  ) {
    super(options);
    this.#kept = kept;
  }

  override batchNormalization(
    x: Value,
    scale: Value,
    bias: Value,
    mean: Value,
    variance: Value,
    epsilon = 1e-5,
    name?: string,
  ): Value {
    if (this.#kept(mean)) return super.batchNormalization(x, scale, bias, mean, variance, epsilon, name);
    // With a momentum of zero the operator gives the statistics of the batch, which the gradient uses too.
    const attributes = { epsilon: float(epsilon), momentum: float(0), training_mode: int(1) };
    // ONNX Runtime writes the new statistics over those that it reads, even over tensors that it was only fed, and over what
    // another normalisation has written there: each gets tensors of its own. Their values do not matter, but that they
    // differ does, or equal ones would be made one again.
    const turn = ++this.#normalisations;
    const own = [mean, variance].map((statistic) => this.add(statistic, turn));
    const [y, batchMean, batchVariance] = this.op('BatchNormalization', [x, scale, bias, ...own], attributes, {
      name,
      outputs: 3,
    });
    const count = sizeOf(x.shape) / x.shape[1];
    // As PyTorch: a batch is normalised by the variance of its own values, the running one is an unbiased estimate.
    const unbiased = this.mul(batchVariance, count / Math.max(1, count - 1));
    this.updates.set(mean.name, this.#towards(mean, batchMean));
    this.updates.set(variance.name, this.#towards(variance, unbiased));
    return y;
  }

  #towards(kept: Value, batch: Value): Value {
    return this.add(this.mul(kept, 1 - this.momentum), this.mul(batch, this.momentum));
  }
}
