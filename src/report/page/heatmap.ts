// A unit's map as a smooth picture: enlarged by cubic interpolation, then coloured.
// It does not fetch maps, and it does not draw the image below them.

/** For each of `to` samples: the first of four source positions (may lie outside) and their weights. */
interface CubicWeights {
  readonly first: Int32Array;
  readonly weights: Float32Array;
}

const known = new Map<string, CubicWeights>();

/** Weights of Catmull-Rom interpolation with half-pixel centres, as in Keys 1981 with a = -1/2. */
function cubicWeights(from: number, to: number): CubicWeights {
  const key = `${from} ${to}`;
  const found = known.get(key);
  if (found) return found;
  const first = new Int32Array(to);
  const weights = new Float32Array(to * 4);
  for (let i = 0; i < to; i++) {
    const x = ((i + 0.5) * from) / to - 0.5;
    first[i] = Math.floor(x) - 1;
    const t = x - Math.floor(x);
    weights.set(
      [
        ((-t + 2) * t - 1) * t * 0.5,
        ((3 * t - 5) * t * t + 2) * 0.5,
        ((-3 * t + 4) * t + 1) * t * 0.5,
        (t - 1) * t * t * 0.5,
      ],
      i * 4,
    );
  }
  const made = { first, weights };
  known.set(key, made);
  return made;
}

/**
 * Enlarges a map with bytes as values by separable Catmull-Rom interpolation; positions outside repeat the edge.
 * It passes through the map's own values, so that the colour of a peak is its value.
 * @returns `toHeight * toWidth` bytes
 */
export function enlarge(
  map: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8ClampedArray {
  const inside = (position: number, size: number) => Math.min(Math.max(position, 0), size - 1);
  const across = cubicWeights(width, toWidth);
  const rows = new Float32Array(height * toWidth);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < toWidth; x++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) {
        sum += across.weights[x * 4 + k] * map[y * width + inside(across.first[x] + k, width)];
      }
      rows[y * toWidth + x] = sum;
    }
  }
  const down = cubicWeights(height, toHeight);
  const values = new Uint8ClampedArray(toHeight * toWidth);
  for (let y = 0; y < toHeight; y++) {
    const [r0, r1, r2, r3] = [0, 1, 2, 3].map((k) => inside(down.first[y] + k, height) * toWidth);
    const [w0, w1, w2, w3] = down.weights.subarray(y * 4, y * 4 + 4);
    for (let x = 0; x < toWidth; x++) {
      values[y * toWidth + x] = w0 * rows[r0 + x] + w1 * rows[r1 + x] + w2 * rows[r2 + x] + w3 * rows[r3 + x];
    }
  }
  return values;
}

/**
 * Values 0 to 255 as RGBA, written to `pixels`.
 * @param colours 256 times red, green, blue
 * @param opaque otherwise a pixel is as opaque as its value, so that the image shows where the unit is silent
 */
export function colour(
  values: Uint8ClampedArray,
  colours: Uint8Array,
  opaque: boolean,
  pixels: Uint8ClampedArray,
): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    pixels[i * 4] = colours[value * 3];
    pixels[i * 4 + 1] = colours[value * 3 + 1];
    pixels[i * 4 + 2] = colours[value * 3 + 2];
    pixels[i * 4 + 3] = opaque ? 255 : value;
  }
}

/** Longer side of a heatmap's canvas, in pixels, at least: from there on the browser's own smoothing shows no steps. */
const smallest = 96;

/** Pixels of the last size that was drawn: mostly all maps have one size, and fresh memory costs more than the drawing. */
let scratch: ImageData | undefined;

/** Draws a map on a canvas, over its whole area. `aspect` is width over height of the image below. */
export function paint(
  canvas: HTMLCanvasElement,
  map: { readonly bytes: Uint8Array; readonly height: number; readonly width: number },
  aspect: number,
  colours: Uint8Array,
  opaque: boolean,
): void {
  const side = Math.max(smallest, map.height, map.width);
  const width = Math.max(1, Math.round(Math.min(side, side * aspect)));
  const height = Math.max(1, Math.round(Math.min(side, side / aspect)));
  if (scratch?.width !== width || scratch.height !== height) scratch = new ImageData(width, height);
  colour(enlarge(map.bytes, map.height, map.width, height, width), colours, opaque, scratch.data);
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')?.putImageData(scratch, 0, 0);
}
