// Speed of the correlation stage on random maps in the shapes of the paper's models, against the rate of one large
// matrix product in the same process. Counted are only the multiply-adds of the products; resampling, moments,
// transposition and addition of sums are overhead. With the null there are twice as many products.
//
//   npm run build && npm run bench correlation -- [PART_OF_A_NAME] [--batches N] [--batch N]

import { parseArgs } from 'node:util';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { neededFlops, secondsPerImage } from './measure.mjs';
import { gemmRate, sampleLength } from './random-maps.mjs';
import { pairs } from './shapes.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string', default: '4' }, batch: { type: 'string' } },
});
const engine = nodeEngine();
const giga = (value) => (value / 1e9).toFixed(1);

console.log('| pair | null | batch | needed GFLOP/image | ms/image | GFLOP/s | one large product | ratio | peak MB |');
console.log('|---|---|---|---|---|---|---|---|---|');
for (const [name, models] of Object.entries(pairs)) {
  if (!name.includes(positionals[0] ?? '')) continue;
  // About 0.6 GB of maps at a time.
  const fit = 4 * Math.floor(0.6e9 / 4 / sampleLength(models) / 4);
  const batch = Number(values.batch ?? Math.max(4, Math.min(16, fit)));
  for (const nullModel of [false, true]) {
    const before = await gemmRate(engine);
    const seconds = await secondsPerImage(engine, models, { batch, batches: Number(values.batches), nullModel });
    const rate = Math.max(before, await gemmRate(engine));
    const flops = (nullModel ? 2 : 1) * neededFlops(models);
    const cells = [
      name,
      nullModel ? 'with' : 'without',
      batch,
      giga(flops),
      (1000 * seconds).toFixed(0),
      giga(flops / seconds),
      giga(rate),
      `${((100 * flops) / seconds / rate).toFixed(0)} %`,
      (process.resourceUsage().maxRSS / 1024).toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
