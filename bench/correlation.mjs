// Speed of the correlation stage on random maps in the shapes of the paper's models, against the rate of one large
// matrix product in the same process. Counted are only the multiply-adds of the products; resampling, moments,
// transposition and addition of sums are overhead. With the null there are twice as many products.
//
//   npm run build && npm run bench correlation -- [PART_OF_A_NAME] [--batches N] [--batch N]

import { parseArgs } from 'node:util';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { correlate, minedModel, productsPerImage, rectangles } from 'rosetta-neurons/mining';
import { gemmRate, randomMaps, randomSource, sampleLength } from './random-maps.mjs';
import { pairs } from './shapes.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string', default: '4' }, batch: { type: 'string' } },
});
const timed = Number(values.batches);
/** Batches before the timed ones: the first touch of memory is slow on some machines. */
const warmUp = 3;
const engine = nodeEngine();
const giga = (value) => (value / 1e9).toFixed(1);

console.log('| pair | null | batch | needed GFLOP/image | ms/image | GFLOP/s | one large product | ratio | peak MB |');
console.log('|---|---|---|---|---|---|---|---|---|');
for (const [name, models] of Object.entries(pairs)) {
  if (!name.includes(positionals[0] ?? '')) continue;
  const mined = models.map((model) => minedModel(model));
  const perImage = 2 * productsPerImage(rectangles(mined, 0, 1));
  // About 0.6 GB of maps at a time.
  const fit = 4 * Math.floor(0.6e9 / 4 / sampleLength(models) / 4);
  const batch = Number(values.batch ?? Math.max(4, Math.min(16, fit)));
  for (const nullModel of [false, true]) {
    const rate = await gemmRate(engine);
    const source = randomSource(models, batch * (timed + warmUp), batch);
    const run = correlate({
      engine,
      source,
      models: mined,
      maps: randomMaps(models),
      pairs: [[0, 1]],
      halves: [source.names.map((_, i) => i)],
      keep: 10,
      k: 1,
      nullModel,
      memory: 16e9,
      batch,
      batches: source.blocks,
    });
    const times = [];
    for (let step = await run.next(); !step.done; step = await run.next()) times.push(performance.now());
    const seconds = (times[warmUp + timed] - times[warmUp]) / 1000 / (timed * batch);
    const flops = (nullModel ? 2 : 1) * perImage;
    const best = Math.max(rate, await gemmRate(engine));
    const peak = process.resourceUsage().maxRSS / 1024;
    const cells = [
      name,
      nullModel ? 'with' : 'without',
      batch,
      giga(flops),
      (1000 * seconds).toFixed(0),
      giga(flops / seconds),
      giga(best),
      `${((100 * flops) / seconds / best).toFixed(0)} %`,
      peak.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
