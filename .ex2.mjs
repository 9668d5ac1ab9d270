import { float32 } from 'rosetta-neurons/graph';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { adam, constant, train, trainingStep } from 'rosetta-neurons/training';

// y = 2 x - 1, from examples.
const state = new Map([['a', float32([1, 1], [0])], ['b', float32([1], [0])]]);
const step = trainingStep({
  name: 'line',
  state,
  trainable: ['a', 'b'],
  batch: { x: { shape: [8, 1] }, y: { shape: [8, 1] } },
  optimiser: adam(),
  lay(b, weights, { x, y }) {
    const error = b.sub(b.gemm(x, weights.get('a'), weights.get('b')), y);
    return { loss: b.reduceMean(b.mul(error, error), [0, 1]) };
  },
});
const batch = (at) => {
  const x = Array.from({ length: 8 }, (_, i) => Math.sin(8 * at + i));
  return { line: { x: float32([8, 1], x), y: float32([8, 1], x.map((value) => 2 * value - 1)) } };
};
const work = train({ engine: nodeEngine(), parts: [step], state, steps: 300, batch, rate: constant(0.03), every: 100 });
let report = await work.next();
for (; !report.done; report = await work.next()) console.log(report.value.step, report.value.loss);
console.log(report.value.state.get('a').data[0], report.value.state.get('b').data[0]); // 2 and -1
