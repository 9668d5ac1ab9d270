// The colour map of the heatmaps: a perceptually uniform one, sampled into a table.
// It is not a palette for anything else in the page; that is page/style.ts.

import { interpolateInferno } from 'd3-scale-chromatic';

/** 256 colours, red, green, blue each, from matplotlib's `inferno` (lightness rises evenly with the value). */
export function colourTable(): Uint8Array {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const hex = /^#(..)(..)(..)$/.exec(interpolateInferno(i / 255));
    if (!hex) throw new Error('interpolateInferno no longer returns #rrggbb');
    for (let channel = 0; channel < 3; channel++) table[i * 3 + channel] = parseInt(hex[channel + 1], 16);
  }
  return table;
}
