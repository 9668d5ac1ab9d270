// A builder whose batch normalisations are those of training: by the statistics of the batch, with running ones kept.
// Everything else is as the zoo's builders lay it.

import { float, int } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';

export class TrainingBuilder extends GraphBuilder {
  /** New values of running means and variances, by the values that they replace. */
  readonly updates = new Map<Value['name'], Value>();

  /**
   * @param momentum share of the batch's statistics in the new running ones; 0.1, as PyTorch has it.
   * @param kept statistics that are used as they are, e.g. those of a teacher: normalisation as in inference.
   */
  constructor(
    options: { name?: string; opset?: number } = {},
    readonly momentum = 0.1,
    private readonly kept: (mean: Value) => boolean = () => false,
  ) {
    super(options);
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
    if (this.kept(mean)) return super.batchNormalization(x, scale, bias, mean, variance, epsilon, name);
    const attributes = { epsilon: float(epsilon), momentum: float(1 - this.momentum), training_mode: int(1) };
    // ONNX Runtime writes the new statistics over those that it reads, even over tensors that it was only fed: it gets copies.
    // A Concat of one, for the engine would leave out an Identity.
    const own = [mean, variance].map((statistic) => this.concat([statistic], 0));
    const [y, newMean, newVariance] = this.op('BatchNormalization', [x, scale, bias, ...own], attributes, {
      name,
      outputs: 3,
    });
    this.updates.set(mean.name, newMean);
    this.updates.set(variance.name, newVariance);
    return y;
  }
}
