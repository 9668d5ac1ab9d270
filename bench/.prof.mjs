import { minedModel, rectangles } from 'rosetta-neurons/mining';
import { planPasses, targetGrids } from '../dist/mining/plan.js';
import { passGraph } from '../dist/mining/pass-graph.js';
import { writeOnnx } from 'rosetta-neurons/graph';
import { randomMaps, sampleLength, randomArray } from './random-maps.mjs';
import { pairs as zoos } from './shapes.mjs';
import * as ort from 'onnxruntime-node';
import fs from 'fs';
const models = zoos[process.argv[2]];
const n = +process.argv[3] || 16;
const nullModel = process.argv[4] !== 'nonull';
const mined = models.map((m) => minedModel(m));
const pairs = [];
for (let a = 0; a < models.length; a++) for (let b = a + 1; b < models.length; b++) pairs.push([a, b]);
const passes = planPasses(
  pairs.flatMap(([a, b]) => rectangles(mined, a, b)),
  1e12,
  24,
);
const centres = mined.map((m) => m.layers.map((l) => new Float32Array(l.units)));
const g = passGraph({
  batch: n,
  pass: passes[0],
  models: mined,
  maps: randomMaps(models),
  centres,
  targets: targetGrids(mined, pairs),
  nullModel,
  cosine: false,
});
const s = await ort.InferenceSession.create(writeOnnx(g).model, {
  enableCpuMemArena: process.env.ARENA !== '0',
  enableMemPattern: process.env.ARENA !== '0',
  intraOpNumThreads: 2,
  enableProfiling: true,
  profileFilePrefix: '/tmp/prof',
  extra: { session: { intra_op: { allow_spinning: process.env.SPIN ?? '0' }, set_denormal_as_zero: '1' } },
});
const feeds = {};
for (const i of g.inputs) {
  const sz = i.shape.reduce((a, b) => a * b, 1);
  feeds[i.name] =
    i.dtype === 'int64'
      ? new ort.Tensor(
          'int64',
          BigInt64Array.from({ length: n }, (_, k) => BigInt(k)),
          i.shape,
        )
      : new ort.Tensor('float32', i.name === 'images' ? randomArray(sz) : new Float32Array(sz), i.shape);
}
const R = +(process.env.R ?? 4);
for (let r = 0; r < R; r++) {
  const t = performance.now();
  const o = await s.run(feeds);
  console.log('run', ((performance.now() - t) / n).toFixed(1), 'ms/image');
  for (const k in o) o[k].dispose();
}
s.endProfiling();
const pf = fs
  .readdirSync('/tmp')
  .filter((f) => f.startsWith('prof') && f.endsWith('.json'))
  .map((f) => [fs.statSync('/tmp/' + f).mtimeMs, f])
  .sort((a, b) => b[0] - a[0])[0][1];
const ev = JSON.parse(fs.readFileSync('/tmp/' + pf)).filter((e) => e.cat === 'Node' && e.name.endsWith('_kernel_time'));
const by = {};
for (const e of ev) {
  by[e.args.op_name] ??= { t: 0, n: 0 };
  by[e.args.op_name].t += e.dur / 1000;
  by[e.args.op_name].n++;
}
console.log(
  Object.entries(by)
    .sort((a, b) => b[1].t - a[1].t)
    .slice(0, 14)
    .map(([k, v]) => `${k} ${(v.t / R / n).toFixed(1)}ms/img x${v.n / R}`)
    .join('\n'),
);
if (process.env.DETAIL) {
  const l = {};
  const all = ev.filter((e) => e.args.op_name === process.env.DETAIL);
  for (const e of all.slice(-Math.round(all.length / R))) {
    const k = JSON.stringify(e.args.input_type_shape) + JSON.stringify(e.args.output_type_shape);
    l[k] ??= [0, 0];
    l[k][0] += e.dur / 1000 / n;
    l[k][1] += 1;
  }
  console.log(
    Object.entries(l)
      .sort((a, b) => b[1][0] - a[1][0])
      .slice(0, 30)
      .map(
        ([k, v]) => v[0].toFixed(2) + ' x' + v[1].toFixed(0) + ' ' + k.replaceAll('{"float":', '').replaceAll('}', ''),
      )
      .join('\n'),
  );
}
fs.unlinkSync('/tmp/' + pf);
console.log('rss', process.resourceUsage().maxRSS >> 10);
