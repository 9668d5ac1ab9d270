// Counter-based random numbers: any number of a sequence from its position alone, the same on every machine.
// It is not a stream with a state, and not for secrets.

/** a * b of unsigned 32-bit integers: the high 32 bits, as an unsigned integer. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // No partial sum exceeds 2^33, so float64 holds each exactly.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

export type Words4 = readonly [number, number, number, number];

/**
 * Philox4x32-10: 128 random bits, a bijection of the 128-bit counter for each 64-bit key. All words are unsigned 32-bit.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3;
 * agrees with the known-answer vectors of the authors' library Random123.
 */
export function philox(counter: Words4, key: readonly [number, number]): Words4 {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, x0);
    const low0 = Math.imul(0xd2511f53, x0);
    const high1 = multiplyHigh(0xcd9e8d57, x2);
    const low1 = Math.imul(0xcd9e8d57, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x0, x1, x2, x3];
}

const low = (value: number): number => value >>> 0;
const high = (value: number): number => Math.floor(value / 2 ** 32) >>> 0;

/**
 * Number `counter` of the uniform sequence (`seed`, `stream`): in [0, 1), a multiple of 2^-53.
 * All three are integers of at most 53 bits; sequences of different streams or seeds are independent.
 * The key is the seed, the counter words are counter and stream (low word first); the first two output words make the
 * number, 27 bits of the first above 26 of the second.
 */
export function randomAt(seed: number, counter: number, stream = 0): number {
  const [a, b] = philox([low(counter), high(counter), low(stream), high(stream)], [low(seed), high(seed)]);
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) * 2 ** -53;
}

/**
 * Number `counter` of the standard normal sequence (`seed`, `stream`), from two uniform ones.
 * Source: Box and Muller, "A note on the generation of random normal deviates", 1958.
 */
export function normalAt(seed: number, counter: number, stream = 0): number {
  const radius = Math.sqrt(-2 * Math.log(1 - randomAt(seed, 2 * counter, stream)));
  return radius * Math.cos(2 * Math.PI * randomAt(seed, 2 * counter + 1, stream));
}

/**
 * Fills an array with normal numbers of mean 0: for many, this is several times faster than `normalAt`, of which it is
 * another sequence. Four of them come from one block of Philox by Box and Muller, from 32 bits each.
 */
export function fillNormal(out: Float32Array, std: number, seed: number, stream = 0): Float32Array {
  const key = [low(seed), high(seed)] as const;
  for (let i = 0; i < out.length; i += 4) {
    const words = philox([low(i / 4), high(i / 4), low(stream), high(stream)], key);
    for (let pair = 0; pair < 4; pair += 2) {
      // Half a step above zero: its logarithm is finite.
      const radius = std * Math.sqrt(-2 * Math.log((words[pair] + 0.5) * 2 ** -32));
      const angle = 2 * Math.PI * words[pair + 1] * 2 ** -32;
      // Writing beyond the end of an array does nothing.
      out[i + pair] = radius * Math.cos(angle);
      out[i + pair + 1] = radius * Math.sin(angle);
    }
  }
  return out;
}
