// A small ResNet of the zoo, trained on pictures that a rule makes: it learns, and the zoo opens what it became.

import { expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { float32, toFloat32, type Tensor } from '../../../src/graph/tensor.ts';
import { randomAt } from '../../../src/random.ts';
import { classResNetStep, movesInResNet } from '../../../src/training/class/resnet.ts';
import { smoothed } from '../../../src/training/loop/losses.ts';
import { sgd } from '../../../src/training/loop/optimiser.ts';
import { freshResNet } from '../../../src/training/class/tensors.ts';
import { oneCycle } from '../../../src/training/loop/schedule.ts';
import { train } from '../../../src/training/loop/train.ts';
import { modelFromTensors } from '../../../src/zoo/from-checkpoint.ts';
import { engine } from '../../zoo/fixtures.ts';
import { runOnce } from '../../../src/runtime/run-once.ts';

const [batch, size, classes] = [24, 8, 3];

/** Bright in the left, the middle or the right third, which is the class, on noise. */
function pictures(step: number): { images: Tensor; labels: number[] } {
  const labels = Array.from({ length: batch }, (_, i) => Math.floor(randomAt(5, step * batch + i) * classes));
  const data = Float32Array.from({ length: batch * 3 * size * size }, (_, i) => {
    const label = labels[Math.floor(i / (3 * size * size))];
    const third = Math.floor(((i % size) * classes) / size);
    return 0.6 * randomAt(6, step * 1e5 + i) + (third === label ? 0.3 : 0);
  });
  return { images: float32([batch, 3, size, size], data), labels };
}

it('learns, and is opened by the zoo under its official names', async () => {
  const tensors = freshResNet({ depths: [1, 1], planes: [4, 8], stem: 8, classes }, 2);
  const optimiser = sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const step = classResNetStep({ tensors, batch, size, classes, optimiser, ema: { decay: 0.9 } });
  const steps = 120;
  const accuracies: number[] = [];
  const { state } = await train({
    engine,
    parts: [step],
    state: tensors,
    steps,
    every: 20,
    onProgress: ({ metrics }) => void accuracies.push(metrics.accuracy),
    rate: oneCycle({ rate: 0.1, steps }),
    batch(i) {
      const { images, labels } = pictures(i);
      return { class: { images, target: float32([batch, classes], smoothed(labels, classes, 0.1)) } };
    },
  });
  expect(accuracies[0]).toBeLessThan(0.9);
  expect(accuracies.at(-1)).toBeGreaterThan(0.97);

  // The averaged weights, with the averaged statistics, as a checkpoint would hold them.
  const averaged = new Map([...tensors.keys()].map((name) => [name, state.get(`ema ${name}`) ?? state.get(name)!]));
  expect([...tensors.keys()].filter((name) => !movesInResNet(name))).toHaveLength(2 * 9);
  const { model } = modelFromTensors(averaged, { name: 'm', settings: { size: String(size) } });
  if (model.kind !== 'encoder') throw new Error('no encoder');
  const { images, labels } = pictures(9999);
  const b = new GraphBuilder();
  b.output(b.identity(model.addTo(b, b.input('images', images.shape)).output), 'logits');
  const out = await runOnce(engine, b.build(), { images });
  const logits = toFloat32(out.logits);
  const hits = labels.filter((label, i) => {
    const row = Array.from(logits.subarray(i * classes, (i + 1) * classes));
    return row.indexOf(Math.max(...row)) === label;
  });
  expect(hits.length).toBeGreaterThanOrEqual(batch - 1);
});
