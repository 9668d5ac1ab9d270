// A unit's map as pixels, for pages that hold pictures instead of maps.
// The report draws its maps itself, from bytes: page/heatmap.ts. It makes no file.

import { colourTable } from './colours.ts';

let colours: Uint8Array | undefined;

/**
 * Interleaved RGB `[height, width, 3]` of a map in deviations from its mean, `[height, width]`: the mean and less are
 * black, `scale` standard deviations and more are the brightest colour. The map keeps its grid; `enlarge` of images/pixels.ts makes
 * it larger, as a page does that shows it pixelated.
 * @throws RangeError when the length is not height * width, or `scale` is not above 0.
 */
export function heatmapPixels(map: Float32Array, height: number, width: number, scale: number): Uint8Array {
  if (map.length !== height * width) throw new RangeError(`${map.length} values are not a map of ${width} x ${height}`);
  if (!(scale > 0)) throw new RangeError(`a scale of ${scale} standard deviations shows nothing`);
  colours ??= colourTable();
  const pixels = new Uint8Array(3 * map.length);
  for (let i = 0; i < map.length; i++) {
    const level = Math.round(255 * Math.min(Math.max(map[i] / scale, 0), 1)) || 0;
    pixels.set(colours.subarray(3 * level, 3 * level + 3), 3 * i);
  }
  return pixels;
}
