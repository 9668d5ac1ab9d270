// Gradients of products of matrices against central differences.

import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/reverse.ts';
import { float, int, string } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { checkGradients } from './check.ts';

describe('gradients of MatMul', () => {
  it.each([
    [
      [2, 3],
      [3, 4],
    ],
    [
      [5, 2, 3],
      [3, 4],
    ],
    [
      [2, 2, 2, 3],
      [3, 2],
    ],
    [
      [2, 2, 3],
      [2, 3, 4],
    ],
    [
      [2, 3],
      [2, 3, 4],
    ],
    [
      [2, 1, 2, 3],
      [2, 3, 2],
    ],
    [
      [1, 2, 3],
      [4, 3, 2],
    ],
    [[3], [3]],
    [[3], [3, 2]],
    [[3], [2, 3, 2]],
    [[2, 3], [3]],
    [[2, 2, 3], [3]],
    [
      [1, 1],
      [1, 1],
    ],
  ])('[%s] by [%s]', (left, right) => {
    checkGradients([{ shape: left }, { shape: right }], (b, x, y) => b.matmul(x, y));
  });

  it('takes one product for the weight of a stack', () => {
    const b = new GraphBuilder();
    const w = b.input('w', [3, 4]);
    const y = b.matmul(b.input('x', [5, 2, 3]), w);
    b.output(gradients(b, b.reduceSum(b.mul(y, y), [0, 1, 2]), [w])[0]);
    const made = b.build().nodes.map((node) => node.op);
    expect(made.filter((op) => op === 'Gemm')).toHaveLength(1);
    expect(made.filter((op) => op === 'MatMul' || op === 'Transpose')).toHaveLength(1);
  });
});

describe('gradients of Gemm', () => {
  const flags = [0, 1].flatMap((transA) => [0, 1].map((transB) => ({ transA, transB })));
  it.each(flags)('transA $transA, transB $transB', ({ transA, transB }) => {
    const attributes = { transA: int(transA), transB: int(transB), alpha: float(0.5), beta: float(-1.5) };
    const a = { shape: transA ? [3, 2] : [2, 3] };
    const c = { shape: transB ? [4, 3] : [3, 4] };
    for (const bias of [[4], [2, 1], [2, 4], [1, 4], [1], []]) {
      checkGradients([a, c, { shape: bias }], (b, ...x) => b.op('Gemm', x, attributes));
    }
    checkGradients([a, c], (b, ...x) => b.op('Gemm', x, { transA: int(transA), transB: int(transB) }));
  });
  it('with plain bias', () => {
    checkGradients([{ shape: [2, 3] }, { shape: [3, 2] }, { shape: [2] }], (b, x, y, z) => b.gemm(x, y, z));
  });
});

describe('gradients of Einsum', () => {
  it.each([
    [
      'ij,jk->ik',
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      'bhid, bhjd -> bhij',
      [
        [2, 2, 3, 2],
        [2, 2, 2, 2],
      ],
    ],
    [
      'bij,jk->kbi',
      [
        [2, 3, 2],
        [2, 4],
      ],
    ],
    ['i,j->ij', [[3], [2]]],
    ['i,i->', [[3], [3]]],
    [',ij->ji', [[], [2, 3]]],
    ['ijk->ki', [[2, 3, 4]]],
    ['ij->', [[2, 3]]],
    ['ij,k->i', [[2, 3], [4]]],
    [
      'ij,jk,kl->il',
      [
        [2, 3],
        [3, 2],
        [2, 4],
      ],
    ],
    [
      'bn,bm,bnmo->bo',
      [
        [2, 3],
        [2, 2],
        [2, 3, 2, 3],
      ],
    ],
  ])('%s', (equation, shapes) => {
    checkGradients(
      shapes.map((shape) => ({ shape })),
      (b, ...x) => b.op('Einsum', x, { equation: string(equation) }),
    );
  });

  const refused: [string, number[][], RegExp][] = [
    [
      'ij,jk',
      [
        [2, 3],
        [3, 4],
      ],
      /"einsum" \(Einsum\) cannot be differentiated: "ij,jk" must name all indices/,
    ],
    ['...i->...', [[2, 3]], /must name all indices/],
    ['ii->i', [[3, 3]], /"ii" in "ii->i" repeats an index/],
    [
      'ij,jk->ik',
      [
        [2, 3],
        [1, 4],
      ],
      /"j" in "ij,jk->ik" has two sizes/,
    ],
  ];
  it.each(refused)('refuses %s', (equation, shapes, message) => {
    const b = new GraphBuilder();
    const x = shapes.map((shape, i) => b.input(`x${i}`, shape));
    const [y] = b.op('Einsum', x, { equation: string(equation) }, { name: 'einsum' });
    const loss = b.reduceSum(y, [...y.shape.keys()]);
    expect(() => gradients(b, loss, [x[0]])).toThrow(message);
  });
});
