// Latents of a generator's layers: one w spread over all of them, and w+ taken apart.
// How a network makes w from z is its own business.

import type { GraphBuilder, Value } from '../graph/builder.ts';

/** The same w for so many layers: `[n, w]` to `[n, layers, w]`. */
export function spread(b: GraphBuilder, w: Value, layers: number): Value {
  const [n, length] = w.shape;
  return b.expand(b.reshape(w, [n, 1, length]), [n, layers, length]);
}

/** The latent of each layer, `[n, w]`, from `[n, layers, w]`. */
export function eachLayer(b: GraphBuilder, ws: Value): Value[] {
  const [n, layers, length] = ws.shape;
  const parts = b.split(ws, Array<number>(layers).fill(1), 1);
  return parts.map((part) => b.reshape(part, [n, length]));
}
