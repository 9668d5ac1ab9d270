// Speed of the correlation stage on random maps in the shapes of the paper's models, against the rate of one large
// matrix product in the same process. Counted are only the multiply-adds of the products; resampling, moments,
// transposition and addition of sums are overhead.
//
//   npm run build && npm run bench correlation [-- PART_OF_A_NAME --batches N]

import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { correlate, minedModel, productsPerImage, rectangles } from 'rosetta-neurons/mining';
import { gemmRate, randomMaps, randomSource, sampleLength } from './random-maps.mjs';
import { zoos } from './shapes.mjs';

const filter = process.argv.slice(2).find((text) => !text.startsWith('-')) ?? '';
const option = process.argv.indexOf('--batches');
const timed = option > 0 ? Number(process.argv[option + 1]) : 4;
const engine = nodeEngine();
const giga = (value) => (value / 1e9).toFixed(1);

console.log('zoo, null | batch | needed GFLOP/image | seconds/image | GFLOP/s | one product GFLOP/s | ratio | peak MB');
for (const [name, models] of Object.entries(zoos)) {
  if (!name.includes(filter)) continue;
  const mined = models.map((model) => minedModel(model));
  const pairs = mined.flatMap((_, a) => mined.slice(a + 1).map((__, d) => [a, a + 1 + d]));
  const perImage = 2 * productsPerImage(pairs.flatMap(([a, b]) => rectangles(mined, a, b)));
  // About 1.5 GB of maps at a time.
  const batch = Math.max(4, Math.min(32, 4 * Math.floor(1.5e9 / 4 / sampleLength(models) / 4)));
  for (const nullModel of [false, true]) {
    const rate = await gemmRate(engine);
    const source = randomSource(models, batch * (timed + 1), batch);
    const order = source.names.map((_, i) => i);
    const run = correlate({
      engine,
      source,
      models: mined,
      maps: randomMaps(models),
      pairs,
      halves: [order],
      keep: 10,
      k: 1,
      nullModel,
      memory: 16e9,
      batch,
      batches: (...args) => source.blocks(...args),
    });
    const times = [];
    for (let step = await run.next(); !step.done; step = await run.next()) times.push(performance.now());
    // The first batch opens the session; the last step takes the scores in.
    const seconds = (times[timed + 1] - times[1]) / 1000 / (timed * batch);
    const flops = (nullModel ? 2 : 1) * perImage;
    const after = await gemmRate(engine);
    const best = Math.max(rate, after);
    const peak = process.resourceUsage().maxRSS / 1024;
    const ratio = `${((100 * flops) / seconds / best).toFixed(0)} %`;
    console.log(
      [
        `${name}, ${nullModel ? 'with' : 'without'}`,
        batch,
        giga(flops),
        seconds.toFixed(3),
        giga(flops / seconds),
        giga(best),
        ratio,
        peak.toFixed(0),
      ].join(' | '),
    );
  }
}
