// How time and memory of the correlation stage grow with the number of images and of units. Each row is a process of its
// own, so that its peak memory is its own; the sums are kept within 256 MB.
//
//   npm run bench growth
//   npm run bench growth -- screened [LARGEST]     screened scores, to LARGEST units of each model (default 200,000)

import { correlate, minedModel } from 'rosetta-neurons/mining';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { peakBytes, resultOf } from './stand-ins/child.ts';
import { randomMaps, randomSource } from './stand-ins/maps.ts';
import { secondsPerImage } from './stand-ins/measure.ts';

const batch = 16;

/** Milliseconds of a screened run of two random networks, 7x7: for an image of each pass, and in all for the screen. */
async function screenedTimes(images: number, units: number, memory: number) {
  const layers = Math.max(1, Math.round(units / 2000));
  const models = ['a', 'b'].map((name) => ({
    name,
    taps: Array.from({ length: layers }, (_, i) => ({
      layer: `l${i}`,
      channels: Math.round(units / layers),
      height: 7,
      width: 7,
    })),
  }));
  const source = randomSource(models, images, 8);
  const order = source.names.map((_, i) => i);
  const times: { stage: string; pass: number; done: number; at: number }[] = [];
  await correlate({
    engine: nodeEngine(),
    parts: [{ source, offset: 0, halves: [order.slice(0, images / 2), order.slice(images / 2)], models: [0, 1] }],
    models: models.map((model) => minedModel(model)),
    maps: randomMaps(models),
    pairs: [[0, 1]],
    keep: 10,
    k: 1,
    nullModel: true,
    memory,
    batch: 8,
    screening: { seed: 0, nearest: 5, when: 'always' },
    onProgress: ({ stage, pass, done }) => void times.push({ stage, pass, done, at: performance.now() }),
  });
  const images1 = times.filter(
    ({ stage, pass, done }) => stage === 'correlating' && pass === 0 && done > 0 && done <= images,
  );
  const images2 = times.filter(({ stage, pass }) => stage === 'correlating' && pass === 1);
  const screen = times.filter(({ stage }) => stage === 'screening');
  const rate = (list: typeof times) =>
    (list[list.length - 2].at - list[0].at) / (list[list.length - 2].done - list[0].done);
  return {
    first: rate(images1),
    second: rate(images2),
    screen: screen[screen.length - 1].at - images1[images1.length - 2].at,
  };
}

if (process.argv[2] === 'screened' && process.argv[4]) {
  const times = await screenedTimes(64, Number(process.argv[3]), Number(process.argv[4]));
  console.log(JSON.stringify({ ...times, peak: peakBytes() / 2 ** 20 }));
} else if (process.argv[2] === 'screened') {
  const largest = Number(process.argv[3] ?? 200_000);
  console.log(
    '| units of each model | --memory, GB | first pass, ms/image | us/image and unit | screen, s | second pass, ms/image | peak MB |',
  );
  console.log('|---|---|---|---|---|---|---|');
  const measure = (units: number, gigabytes: number) => {
    const more = ['screened', String(units), String(gigabytes * 2 ** 30)];
    const row = resultOf<Awaited<ReturnType<typeof screenedTimes>> & { peak: number }>(
      import.meta.url,
      more,
      `${units} units`,
    );
    console.log(
      `| ${units} | ${gigabytes} | ${row.first.toFixed(1)} | ${((1000 * row.first) / units / 2).toFixed(2)} | ` +
        `${(row.screen / 1000).toFixed(1)} | ${row.second.toFixed(1)} | ${row.peak.toFixed(0)} |`,
    );
  };
  for (let i = 7; i >= 0; i--) measure(Math.round(largest / 2 ** i / 2) * 2, 8);
  for (const gigabytes of [1, 2, 4]) measure(Math.round(largest / 16) * 2, gigabytes);
} else if (process.argv[2]) {
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
