// How time and memory of the correlation stage grow with the number of images and of units. Each row is a process of its
// own, so that its peak memory is its own; the sums are kept within 256 MB.
//
//   npm run bench growth

import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { peakBytes, resultOf } from './stand-ins/child.ts';
import { secondsPerImage } from './stand-ins/measure.ts';

const batch = 16;

if (process.argv[2]) {
  const [images, units] = process.argv.slice(2).map(Number);
  const model = (name: string) => ({
    name,
    taps: [14, 7].map((side) => ({ layer: `l${side}`, channels: units / 2, height: side, width: side })),
  });
  const options = { batch, batches: images / batch, nullModel: true, memory: 256e6 };
  const seconds = await secondsPerImage(nodeEngine(), [model('a'), model('b')], options);
  console.log(JSON.stringify({ seconds, peak: peakBytes() / 2 ** 20 }));
} else {
  const measure = (images: number, units: number) =>
    resultOf<{ seconds: number; peak: number }>(import.meta.url, [String(images), String(units)], `${images} images`);
  console.log('| images | units of each model | seconds | ms/image | peak MB |\n|---|---|---|---|---|');
  for (const [images, units] of [
    [256, 1024],
    [512, 1024],
    [1024, 1024],
    [2048, 1024],
    [512, 512],
    [512, 2048],
  ]) {
    const { seconds, peak } = measure(images, units);
    console.log(
      `| ${images} | ${units} | ${(seconds * images).toFixed(1)} | ${(1000 * seconds).toFixed(1)} | ${peak.toFixed(0)} |`,
    );
  }
}
