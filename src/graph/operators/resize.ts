// Shapes of operators that sample an image at other positions: Resize, Upsample, GridSample, RoiAlign.
// Interpolation itself is the engine's.

import { compute, unknown } from '../dims.ts';
import type { Dim } from '../graph.ts';
import { expectLength, resolveAxis } from './call.ts';
import type { Call, Known, OperatorRule } from './call.ts';

/** Engines multiply in single precision; a product that is a hair below a whole number must not lose a row. */
const scaled = (size: Dim, scale: number): Dim => compute((n) => Math.floor(Math.fround(n * Math.fround(scale))), size);

function resize(call: Call): Known[] {
  const dtype = call.dtype(0);
  const x = call.shape(0);
  if (!x) return [{ dtype }];
  const axes = (call.ints('axes') ?? x.map((_, i) => i)).map((axis) => resolveAxis(axis, x.length));
  const out = [...x];
  const old = call.opset < 11;
  const sizes = old ? undefined : call.inputs[3]?.elements;
  // An empty tensor of scales stands for none, as exporters of operator set 11 write it.
  const scales = call.numbers(old ? 1 : 2);
  if (sizes) {
    expectLength(sizes, axes.length, 'sizes');
    const policy = call.string('keep_aspect_ratio_policy', 'stretch');
    const ratios = axes.map((axis, i) => compute((n, size) => size / n, x[axis], sizes[i]));
    const pick = policy === 'not_larger' ? Math.min : Math.max;
    const ratio = compute(pick, ...ratios);
    axes.forEach((axis, i) => {
      out[axis] = policy === 'stretch' ? sizes[i] : compute((n, r) => Math.round(n * r), x[axis], ratio);
    });
  } else if (scales?.length) {
    expectLength(scales, axes.length, 'scales');
    axes.forEach((axis, i) => (out[axis] = scales[i] === 1 ? x[axis] : scaled(x[axis], scales[i])));
  } else {
    axes.forEach((axis) => (out[axis] = unknown));
  }
  return [{ dtype, shape: out }];
}

function upsample(call: Call): Known[] {
  const x = call.shape(0);
  const attribute = call.node.attributes.scales;
  const scales = call.has(1) ? call.numbers(1) : attribute && 'floats' in attribute ? attribute.floats : undefined;
  if (x && scales) expectLength(scales, x.length, 'scales');
  return [{ dtype: call.dtype(0), shape: x?.map((dim, i) => (scales ? scaled(dim, scales[i]) : unknown)) }];
}

const gridSample: OperatorRule = (call) => {
  const x = call.shape(0);
  const grid = call.shape(1, x?.length);
  return [{ dtype: call.dtype(0), shape: x && grid && [x[0], x[1], ...grid.slice(1, -1)] }];
};

const roiAlign: OperatorRule = (call) => {
  const x = call.shape(0, 4);
  const rois = call.shape(1, 2);
  const shape = x && rois && [rois[0], x[1], call.int('output_height', 1), call.int('output_width', 1)];
  return [{ dtype: call.dtype(0), shape }];
};

const affineGrid: OperatorRule = (call) => {
  const size = call.inputs[1]?.elements;
  return [{ dtype: call.dtype(0), shape: size && [size[0], ...size.slice(2), size.length - 2] }];
};

export const resizing: Record<string, OperatorRule> = {
  Resize: resize,
  Upsample: upsample,
  GridSample: gridSample,
  RoiAlign: roiAlign,
  AffineGrid: affineGrid,
};
