import { expect, it } from 'vitest';
import { batched, type DecodedImage } from '../../src/images/batches.ts';
import { toInterleaved, toPlanar } from '../../src/images/pixels.ts';
import { noise, planar } from './pictures.ts';

async function* pictures(count: number): AsyncGenerator<DecodedImage> {
  for (let index = 0; index < count; index++) yield await Promise.resolve({ index, pixels: noise(3, 2, index) });
}

it('fills every batch but the last, and reuses a buffer only after the next but one is asked for', async () => {
  const batches = batched(pictures(5), 6, 2);
  const expected = (index: number): number[] => [...planar(noise(3, 2, index))];
  const first = (await batches.next()).value!;
  const second = (await batches.next()).value!;
  expect([first.indices, second.indices]).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect([...first.data]).toEqual([...expected(0), ...expected(1)]);
  expect([...second.data]).toEqual([...expected(2), ...expected(3)]);
  const third = (await batches.next()).value!;
  expect(third.indices).toEqual([4]);
  expect([...third.data]).toEqual(expected(4));
  expect([...second.data]).toEqual([...expected(2), ...expected(3)]);
  expect(third.data.buffer).toBe(first.data.buffer);
  expect((await batches.next()).done).toBe(true);
});

it('gives no empty batch', async () => {
  const sizes: number[] = [];
  for await (const { indices } of batched(pictures(4), 6, 2)) sizes.push(indices.length);
  expect(sizes).toEqual([2, 2]);
  for await (const batch of batched(pictures(0), 6, 2)) expect(batch).toBe('never');
});

it('lays pixels out in planes and back, every byte exact', () => {
  const pixels = Uint8Array.from({ length: 768 }, (_, i) => (i * 7) % 256);
  const out = new Float32Array(768 + 5);
  toPlanar(pixels, out, 5);
  expect([...out.subarray(5)]).toEqual([...planar(pixels)]);
  expect([...out.subarray(0, 5)]).toEqual([0, 0, 0, 0, 0]);
  expect(toInterleaved(out.subarray(5))).toEqual(pixels);
  expect([...toInterleaved(Float32Array.of(-1, 2, 0.5))]).toEqual([0, 255, 128]);
});
