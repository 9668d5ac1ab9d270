// Sheets of small images for the findings: rows of images with gaps between them, as PNG.
// What the rows are is told by the text beside the picture.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { enlarge, toInterleaved } from 'rosetta-neurons/images';
import { encodeImage } from 'rosetta-neurons/images/node';

/** Pixels between images, before they are enlarged. */
const gap = 1;

/**
 * Writes images in rows, white where there is none.
 * @param rows planar images `[3, height, width]`, RGB in [0, 1]; all of one size; undefined leaves a place white.
 */
export async function writeSheet(
  path: string,
  rows: readonly (readonly (Float32Array | undefined)[])[],
  { height, width, factor = 2 }: { readonly height: number; readonly width: number; readonly factor?: number },
): Promise<void> {
  const columns = Math.max(...rows.map((row) => row.length));
  const size = { height: rows.length * (height + gap) - gap, width: columns * (width + gap) - gap };
  const pixels = new Uint8Array(3 * size.height * size.width).fill(255);
  rows.forEach((row, i) =>
    row.forEach((image, j) => {
      if (!image) return;
      const rgb = toInterleaved(image);
      for (let y = 0; y < height; y++) {
        const at = (i * (height + gap) + y) * size.width + j * (width + gap);
        pixels.set(rgb.subarray(3 * y * width, 3 * (y + 1) * width), 3 * at);
      }
    }),
  );
  const large = enlarge(pixels, size.height, size.width, factor);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await encodeImage(large, size.width * factor, size.height * factor, 'png'));
}
