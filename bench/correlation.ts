// Speed of the correlation stage on random maps in the shapes of the paper's models, against the rate of one large
// matrix product in the same process; each row is a process of its own. Counted are only the multiply-adds of the
// products; resampling, moments, transposition and addition of sums are overhead. The null doubles the products.
//
//   npm run bench correlation -- [PART_OF_A_NAME] [--batches N]

import { parseArgs } from 'node:util';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { neededFlops, secondsPerImage } from './stand-ins/measure.ts';
import { gemmRate, sampleLength } from './stand-ins/maps.ts';
import { pairs } from './stand-ins/layers.ts';
import { peakBytes, resultOf } from './stand-ins/child.ts';

interface Row {
  readonly name: string;
  readonly nullModel: boolean;
  readonly batch?: number;
  readonly flops: number;
  readonly seconds: number;
  /** Of one large product, FLOP/s. */
  readonly rate: number;
  /** MB. */
  readonly peak?: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string', default: '5' }, row: { type: 'string' } },
});
const giga = (value: number) => (value / 1e9).toFixed(1);

if (values.row) {
  const { name, nullModel } = JSON.parse(values.row) as Pick<Row, 'name' | 'nullModel'>;
  const models = pairs[name];
  // About 0.6 GB of maps at a time.
  const batch = Math.max(4, Math.min(16, 4 * Math.round(0.6e9 / 4 / sampleLength(models) / 4)));
  const engine = nodeEngine();
  const before = await gemmRate(engine);
  const seconds = await secondsPerImage(engine, models, { batch, batches: Number(values.batches), nullModel });
  const rate = Math.max(before, await gemmRate(engine));
  const flops = (nullModel ? 2 : 1) * neededFlops(models);
  console.log(
    JSON.stringify({ name, nullModel, batch, seconds, rate, flops, peak: peakBytes() / 2 ** 20 } satisfies Row),
  );
} else {
  console.log(
    '| pair | null | batch | needed GFLOP/image | ms/image | GFLOP/s | one large product | ratio | peak MB |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  const rows: Row[] = [];
  const print = ({ name, nullModel, batch, flops, seconds, rate, peak }: Row) => {
    const speed = [giga(flops), (1000 * seconds).toFixed(0), giga(flops / seconds), giga(rate)];
    const ratio = `${((100 * flops) / seconds / rate).toFixed(0)} %`;
    console.log(
      `| ${[name, nullModel ? 'with' : 'without', batch ?? '', ...speed, ratio, peak?.toFixed(0) ?? ''].join(' | ')} |`,
    );
  };
  for (const name of Object.keys(pairs).filter((text) => text.includes(positionals[0] ?? ''))) {
    for (const nullModel of [false, true]) {
      const args = ['--batches', values.batches, '--row', JSON.stringify({ name, nullModel })];
      const row = resultOf<Row>(import.meta.url, args, name);
      rows.push(row);
      print(row);
    }
  }
  for (const nullModel of [false, true]) {
    const some = rows.filter((row) => row.nullModel === nullModel && !row.name.startsWith('BigGAN'));
    if (some.length < 3) continue;
    const sum = (key: 'flops' | 'seconds') => some.reduce((total, row) => total + row[key], 0);
    // The time that the products alone would take at each process's own rate.
    const ideal = some.reduce((total, row) => total + row.flops / row.rate, 0);
    const name = 'the three models, pair after pair';
    print({ name, nullModel, flops: sum('flops'), seconds: sum('seconds'), rate: sum('flops') / ideal });
  }
}
