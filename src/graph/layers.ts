// Values of a graph whose channels can be compared between models: maps [n, c, h, w] and tokens [n, t, c].
// It chooses by shape and operator alone; which of them to mine is the user's choice.

import type { Dim, Graph } from './graph.ts';
import { readNames } from './rename.ts';

export interface Layer {
  /** Name of the value, by which it can be made an output. */
  readonly name: string;
  readonly op: string;
  /** Name of the node that makes it; may be empty. */
  readonly node: string;
  /** [n, channels, height, width] or [n, tokens, channels]. */
  readonly shape: readonly Dim[];
}

/** Operators that only lay out anew what another layer has computed. */
const layout = new Set(
  'Cast CastLike DequantizeLinear Dropout Expand Flatten Gather Identity Pad QuantizeLinear Reshape Slice Split Squeeze Tile Transpose Unsqueeze'.split(
    ' ',
  ),
);

/**
 * Values worth tapping, in the order in which they are computed: float, of rank 4 or 3, with more than one position,
 * one entry per image, computed from an input. Shapes must have been inferred (inferShapes); values without are left out.
 */
export function listLayers(graph: Graph): Layer[] {
  const dependent = new Set(graph.inputs.map((input) => input.name));
  const batch = graph.inputs[0]?.shape?.[0];
  const types = new Map([...graph.values, ...graph.outputs.map((info) => [info.name, info] as const)]);
  const layers: Layer[] = [];
  for (const node of graph.nodes) {
    if (!readNames(node).some((name) => dependent.has(name))) continue;
    for (const name of node.outputs) {
      dependent.add(name);
      const { dtype, shape } = types.get(name) ?? {};
      if (layout.has(node.op) || !dtype?.includes('float') || !shape || shape[0] !== batch) continue;
      const positions = shape.length === 4 ? shape.slice(2) : shape.length === 3 ? [shape[1]] : [];
      if (positions.some((size) => size !== 1)) layers.push({ name, op: node.op, node: node.name, shape });
    }
  }
  return layers;
}
