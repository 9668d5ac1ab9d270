// Image sets, sampling and batches: the part of this room that runs anywhere.
// Opening, decoding and encoding are in node.ts.

export * from './batches.ts';
export * from './format.ts';
export * from './generated.ts';
export * from './image-set.ts';
export * from './in-order.ts';
export { imageDefaults, type Admit, type ImageLimits } from './limits.ts';
export * from './pixels.ts';
export * from './sampling.ts';
export * from './source.ts';
