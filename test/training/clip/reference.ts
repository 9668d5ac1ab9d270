// CLIP's text tower and contrastive loss in float64, in loops over single numbers: a measure for the graphs.
// It is no test itself.

import { toFloat32, type Tensor } from '../../../src/graph/tensor.ts';

type Row = number[];

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

const softmax = (row: Row): Row => {
  const most = Math.max(...row);
  const powers = row.map((v) => Math.exp(v - most));
  const sum = powers.reduce((s, v) => s + v, 0);
  return powers.map((v) => v / sum);
};

/** Features at the end of one text, by the tokens up to it and nothing else. */
export function textTower(tensors: ReadonlyMap<string, Tensor>, tokens: readonly number[], heads: number): Row {
  const values = (name: string) => toFloat32(tensors.get(name)!);
  const rows = (name: string): Row[] => {
    const [n, width] = tensors.get(name)!.shape;
    return Array.from({ length: n }, (_, i) => [...values(name).subarray(i * width, (i + 1) * width)]);
  };
  const linear = (x: Row, weight: string, bias: string): Row => {
    const shift = values(bias);
    return rows(weight).map((row, i) => dot(row, x) + shift[i]);
  };
  const layerNorm = (x: Row, name: string): Row => {
    const mean = x.reduce((s, v) => s + v, 0) / x.length;
    const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
    const [scale, bias] = [values(`${name}.weight`), values(`${name}.bias`)];
    return x.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-5)) * scale[i] + bias[i]);
  };
  const plus = (a: Row, b: Row): Row => a.map((v, i) => v + b[i]);

  const positions = rows('positional_embedding');
  let x = tokens.map((token, t) => plus(rows('token_embedding.weight')[token], positions[t]));
  const width = x[0].length;
  const size = width / heads;
  for (let layer = 0; tensors.has(`transformer.resblocks.${layer}.ln_1.weight`); layer++) {
    const name = `transformer.resblocks.${layer}`;
    const qkv = x.map((row) =>
      linear(layerNorm(row, `${name}.ln_1`), `${name}.attn.in_proj_weight`, `${name}.attn.in_proj_bias`),
    );
    const part = (t: number, which: number, h: number): Row =>
      qkv[t].slice(which * width + h * size, which * width + (h + 1) * size);
    const attended = x.map((_, t) =>
      Array.from({ length: heads }, (_h, h) => {
        const seen = Array.from({ length: t + 1 }, (_s, s) => s);
        const shares = softmax(seen.map((s) => dot(part(t, 0, h), part(s, 1, h)) / Math.sqrt(size)));
        return Array.from({ length: size }, (_d, d) => shares.reduce((sum, v, s) => sum + v * part(s, 2, h)[d], 0));
      }).flat(),
    );
    x = x.map((row, t) => plus(row, linear(attended[t], `${name}.attn.out_proj.weight`, `${name}.attn.out_proj.bias`)));
    x = x.map((row) => {
      const raised = linear(layerNorm(row, `${name}.ln_2`), `${name}.mlp.c_fc.weight`, `${name}.mlp.c_fc.bias`);
      const active = raised.map((v) => v / (1 + Math.exp(-1.702 * v)));
      return plus(row, linear(active, `${name}.mlp.c_proj.weight`, `${name}.mlp.c_proj.bias`));
    });
  }
  const last = layerNorm(x.at(-1)!, 'ln_final');
  const projection = rows('text_projection');
  return projection[0].map((_, k) => projection.reduce((sum, row, i) => sum + last[i] * row[k], 0));
}

/** The symmetric loss of rows of features, and the fraction of images whose nearest text is one of theirs. */
export function contrastiveLoss(
  images: readonly Row[],
  texts: readonly Row[],
  scale: number,
  target: readonly Row[],
): { loss: number; accuracy: number } {
  const unit = (row: Row): Row => row.map((v) => v / Math.sqrt(dot(row, row)));
  const logits = images.map((a) => texts.map((b) => scale * dot(unit(a), unit(b))));
  let loss = 0;
  images.forEach((_, i) => {
    const byImage = softmax(logits[i]);
    const byText = softmax(logits.map((row) => row[i]));
    texts.forEach((_t, j) => (loss -= target[i][j] * (Math.log(byImage[j]) + Math.log(byText[j]))));
  });
  const hits = logits.filter((row, i) => target[i][row.indexOf(Math.max(...row))] > 0);
  return { loss: loss / (2 * images.length), accuracy: hits.length / images.length };
}

/** Rows of a matrix. */
export function rowsOf(matrix: Tensor): Row[] {
  const [n, width] = matrix.shape;
  const data = toFloat32(matrix);
  return Array.from({ length: n }, (_, i) => [...data.subarray(i * width, (i + 1) * width)]);
}
