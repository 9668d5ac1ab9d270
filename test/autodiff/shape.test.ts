import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { int, string } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { int64 } from '../../src/graph/tensor.ts';
import { checkMap } from './check-map.ts';

const x = (...shape: number[]) => [{ shape }];

describe('gradients of operators that move elements', () => {
  it('Reshape, Flatten, Squeeze, Unsqueeze', async () => {
    await checkMap(x(2, 3, 4), (b, a) => b.reshape(a, [4, -1]));
    await checkMap(x(6), (b, a) => b.op('Reshape', [a, b.constant(int64([0, 1, -1]))])[0]);
    await checkMap(x(2, 3, 4), (b, a) => b.flatten(a, 2));
    await checkMap(x(2, 3, 4), (b, a) => b.flatten(a, 0));
    await checkMap(x(2, 1, 3, 1), (b, a) => b.squeeze(a, [-1]));
    await checkMap(x(2, 1, 3, 1), (b, a) => b.op('Squeeze', [a])[0]);
    await checkMap(x(2, 3), (b, a) => b.unsqueeze(a, [0, -1]));
  });

  it('Transpose', async () => {
    await checkMap(x(2, 3, 4), (b, a) => b.transpose(a, [2, 0, 1]));
    await checkMap(x(2, 3, 4), (b, a) => b.transpose(a, [0, 2, 1]));
    await checkMap(x(2, 3, 4), (b, a) => b.op('Transpose', [a])[0]);
  });

  it('Expand', async () => {
    await checkMap(x(3, 1), (b, a) => b.expand(a, [2, 3, 4]));
    await checkMap(x(), (b, a) => b.expand(a, [2, 2]));
    // A 1 of the target repeats nothing.
    await checkMap(x(2, 3), (b, a) => b.expand(a, [2, 1]));
  });

  it('Tile', async () => {
    const tile = (repeats: number[]) => (b: GraphBuilder, a: Value) => b.op('Tile', [a, b.constant(int64(repeats))])[0];
    await checkMap(x(2, 3), tile([3, 2]));
    await checkMap(x(2, 1, 3), tile([1, 4, 2]));
    await checkMap(x(2, 3), tile([1, 1]));
  });

  it('Concat', async () => {
    const operands = [{ shape: [2, 3] }, { shape: [2, 1] }, { shape: [2, 2] }];
    await checkMap(operands, (b, ...parts) => b.concat(parts, 1));
    await checkMap(operands, (b, ...parts) => b.concat(parts, -1));
    await checkMap([{ ...operands[0], fixed: true }, operands[1], { ...operands[2], fixed: true }], (b, ...parts) =>
      b.concat(parts, 1),
    );
    // The same value twice.
    await checkMap(x(2, 3), (b, a) => b.concat([a, a], 0));
  });

  it('Split', async () => {
    await checkMap(x(2, 6), (b, a) => b.split(a, [1, 3, 2], 1));
    await checkMap(x(2, 6), (b, a) => b.split(a, [1, 3, 2], -1)[1]);
    await checkMap(x(2, 6), (b, a) => b.split(a, [1, 3, 2], 1).filter((_, i) => i !== 1));
    await checkMap(x(7, 2), (b, a) => b.op('Split', [a], { num_outputs: int(3) }, { outputs: 3 }));
  });

  it.each([
    { axes: [0], starts: [1], ends: [4] },
    { axes: [1, 0], starts: [-3, 0], ends: [-1, 2] },
    { axes: [0, 1], starts: [1, 0], ends: [100, 100], steps: [2, 3] },
    { axes: [1], starts: [1], ends: [6], steps: [4] },
    { axes: [0], starts: [3], ends: [4], steps: [7] },
    { axes: [0], starts: [-1], ends: [-100], steps: [-1] },
    { axes: [0, 1], starts: [4, 5], ends: [0, -7], steps: [-2, -3] },
    { axes: [0, 1], starts: [4, 1], ends: [0, 5], steps: [-3, 2] },
    { axes: [0], starts: [2], ends: [2] },
  ])('Slice $axes $starts $ends $steps', async (options) => {
    await checkMap(x(5, 7), (b, a) => b.slice(a, options));
  });

  it.each(['reflect', 'edge', 'wrap', 0, 1.5] as const)('Pad %s', async (fill) => {
    await checkMap(x(3, 4), (b, a) => b.pad(a, [1, 2, 2, 0], fill));
    await checkMap(x(4, 5), (b, a) => b.pad(a, [0, -1, 1, 2], fill));
    await checkMap(x(4, 5), (b, a) => b.pad(a, [-1, 0, -1, -2], fill));
    await checkMap(
      x(2, 3, 2),
      (b, a) =>
        b.op('Pad', [a, b.constant(int64([2, 1])), undefined, b.constant(int64([-2]))], {
          mode: string(typeof fill === 'number' ? 'constant' : fill),
        })[0],
    );
  });

  it('Pad by the value that it pads with', async () => {
    await checkMap(
      [{ shape: [2, 3] }, { shape: [] }],
      (b, a, value) => b.op('Pad', [a, b.constant(int64([1, 0, -1, 2])), value])[0],
    );
    await checkMap(
      [{ shape: [2, 3], fixed: true }, { shape: [] }],
      (b, a, value) => b.op('Pad', [a, b.constant(int64([1, 0, 0, 2])), value])[0],
    );
  });

  it.each(['DCR', 'CRD'])('DepthToSpace %s', async (mode) => {
    await checkMap(x(2, 8, 2, 3), (b, a) => b.op('DepthToSpace', [a], { blocksize: int(2), mode: string(mode) })[0]);
    await checkMap(x(1, 18, 2, 1), (b, a) => b.op('DepthToSpace', [a], { blocksize: int(3), mode: string(mode) })[0]);
  });

  it('SpaceToDepth', async () => {
    await checkMap(x(2, 3, 4, 2), (b, a) => b.op('SpaceToDepth', [a], { blocksize: int(2) })[0]);
  });

  it.each([-1, 0, 2])('Trilu, diagonal %i', async (k) => {
    for (const upper of [0, 1]) {
      await checkMap(x(2, 3, 4), (b, a) => b.op('Trilu', [a, b.constant(int64([k], []))], { upper: int(upper) })[0]);
    }
    await checkMap(x(3, 3), (b, a) => b.op('Trilu', [a])[0]);
  });

  it('names the node and the mode that has no gradient', () => {
    const b = new GraphBuilder();
    const a = b.input('a', [4]);
    const [y] = b.op('Pad', [a, b.constant(int64([0, 1]))], { mode: string('mirror') }, { name: 'border' });
    expect(() => gradients(b, b.reduceSum(y, [0]), [a])).toThrow(/"border" \(Pad\).*"mirror" has no gradient/);
  });
});
