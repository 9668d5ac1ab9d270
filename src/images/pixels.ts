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

/** Interleaved RGB bytes `[H, W, 3]` with every pixel `factor` (a whole number) times as high and wide. */
export function enlarge(pixels: Uint8Array, height: number, width: number, factor: number): Uint8Array {
  if (factor === 1) return pixels;
  const row = 3 * width * factor;
  const out = new Uint8Array(height * factor * row);
  for (let y = 0; y < height; y++) {
    const at = y * factor * row;
    for (let x = 0; x < width * factor; x++) {
      const from = 3 * (y * width + Math.floor(x / factor));
      for (let channel = 0; channel < 3; channel++) out[at + 3 * x + channel] = pixels[from + channel];
    }
    for (let copy = 1; copy < factor; copy++) out.copyWithin(at + copy * row, at, at + row);
  }
  return out;
}
