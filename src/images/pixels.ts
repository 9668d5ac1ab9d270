// The two layouts of an RGB image: interleaved bytes (decoders, screens) and planar floats in [0, 1] (networks).
// It knows no file format.

/** Writes interleaved RGB bytes [H,W,3] as planar floats [3,H,W], value / 255, into `out` from `offset` on. */
export function toPlanar(pixels: Uint8Array, out: Float32Array, offset = 0): void {
  const area = pixels.length / 3;
  const green = offset + area;
  const blue = green + area;
  for (let i = 0, p = 0; i < area; i++, p += 3) {
    out[offset + i] = pixels[p] / 255;
    out[green + i] = pixels[p + 1] / 255;
    out[blue + i] = pixels[p + 2] / 255;
  }
}

/** Interleaved RGB bytes [H,W,3] of planar floats [3,H,W]: clamped to [0, 1], times 255, rounded. */
export function toInterleaved(planar: Float32Array): Uint8Array {
  const area = planar.length / 3;
  // A clamped array rounds (half to even) and saturates by itself.
  const pixels = new Uint8ClampedArray(planar.length);
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) pixels[3 * i + channel] = planar[channel * area + i] * 255;
  }
  return new Uint8Array(pixels.buffer);
}
