// The same scores the explicit way, in the same engine and process: the maps of every pair of layers interpolated to the
// larger grid, centred, their moments taken there, and multiplied; pair by pair, as the published code does.
// Each distinct pair of layer shapes is timed and counted as often as it occurs.
//
//   npm run bench explicit -- [PART_OF_A_NAME]

import { float32, GraphBuilder, resample, sizeOf } from 'rosetta-neurons/graph';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { secondsPerImage } from './stand-ins/measure.ts';
import { randomArray, sampleLength } from './stand-ins/maps.ts';
import { pairs, type StandIn } from './stand-ins/layers.ts';

type Tap = StandIn['taps'][number];

const engine = nodeEngine();
const filter = process.argv[2] ?? '';

/** Seconds for one image and one pair of layers: the best of three runs after a first. */
async function explicitSeconds(x: Tap, y: Tap): Promise<number> {
  const b = new GraphBuilder({ name: 'explicit' });
  const target = { height: Math.max(x.height, y.height), width: Math.max(x.width, y.width) };
  const size = target.height * target.width;
  // Small maps need several images, or adding up the sums would be most of the time.
  const n = Math.max(1, Math.round(1024 / size));
  const operand = (name: string, { channels, height, width }: Tap) => {
    const maps = b.input(name, [n, channels, height, width]);
    const large = resample(b, maps, target, { mode: 'bilinear' });
    const centred = b.sub(large, b.constant(float32([1, channels, 1, 1], randomArray(channels))));
    b.output(b.reduceSum(centred, [2, 3]), `${name}/sum`);
    b.output(b.reduceSumSquare(b.reshape(centred, [n, channels, size]), [2]), `${name}/square`);
    return b.reshape(n === 1 ? centred : b.transpose(centred, [1, 0, 2, 3]), [channels, n * size]);
  };
  const sums = b.input('sums', [x.channels, y.channels]);
  b.output(b.gemm(operand('x', x), operand('y', y), sums, { transB: true }), 'out');
  const session = await engine.open(b.build());
  const tensor = (shape: readonly number[]) => float32(shape, randomArray(sizeOf(shape)));
  const feeds = {
    x: tensor([n, x.channels, x.height, x.width]),
    y: tensor([n, y.channels, y.height, y.width]),
    sums: tensor([x.channels, y.channels]),
  };
  let best = Infinity;
  for (let run = 0; run < 4; run++) {
    const start = performance.now();
    (await session.run(feeds)).dispose();
    if (run) best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return best / 1000 / n;
}

console.log('| pair | explicit, ms/image | this way, ms/image | ratio |\n|---|---|---|---|');
let totals = [0, 0];
for (const [name, [a, b]] of Object.entries(pairs)) {
  if (!name.includes(filter)) continue;
  const shapes = new Map<string, { x: Tap; y: Tap; count: number }>();
  for (const x of a.taps) {
    for (const y of b.taps) {
      const key = [x, y].map(({ channels, height, width }) => [channels, height, width].join('x')).join(' ');
      const entry = shapes.get(key) ?? { x, y, count: 0 };
      shapes.set(key, { ...entry, count: entry.count + 1 });
    }
  }
  let explicit = 0;
  for (const { x, y, count } of shapes.values()) explicit += count * (await explicitSeconds(x, y));
  const batch = Math.max(4, Math.min(16, 4 * Math.floor(0.6e9 / 4 / sampleLength([a, b]) / 4)));
  const own = await secondsPerImage(engine, [a, b], { batch, batches: 4, nullModel: false });
  totals = [totals[0] + explicit, totals[1] + own];
  console.log(
    `| ${name} | ${(1000 * explicit).toFixed(0)} | ${(1000 * own).toFixed(0)} | ${(explicit / own).toFixed(1)} |`,
  );
}
console.log(
  `| together | ${(1000 * totals[0]).toFixed(0)} | ${(1000 * totals[1]).toFixed(0)} | ${(totals[0] / totals[1]).toFixed(1)} |`,
);
