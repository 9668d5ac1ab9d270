import { loadModel } from '../dist/zoo/node.js';
import { minedModel, planPasses, rectangles, targetGrids, productsPerImage } from '../dist/mining/plan.js';
import { passGraph } from '../dist/mining/pass-graph.js';
import * as ort from 'onnxruntime-node';
import fs from 'fs';
const models = [];
for (const [n, f] of [
  ['resnet20', 'resnet20-12fca82f.th'],
  ['resnet32', 'resnet32-d509ac18.th'],
  ['resnet44', 'resnet44-014dd654.th'],
  ['resnet56', 'resnet56-4bfd9763.th'],
])
  models.push((await loadModel('/work/shared/checkpoints/cifar-resnets/' + f, { name: n })).model);
const mined = models.map((m) => minedModel(m));
const pairs = [];
for (let a = 0; a < 4; a++) for (let b = a + 1; b < 4; b++) pairs.push([a, b]);
const rects = pairs.flatMap(([a, b]) => rectangles(mined, a, b));
const passes = planPasses(rects, 1e9, 24);
const n = +process.argv[2] || 64;
const maps = (b, batch, idx) => {
  const im = b.input('images', [batch, 3, 32, 32]);
  return new Map(idx.map((m) => [m, models[m].build(b, im).taps]));
};
const centres = mined.map((m) => m.layers.map((l) => new Float32Array(l.units)));
let t = performance.now();
const g = passGraph({
  batch: n,
  pass: passes[0],
  models: mined,
  maps,
  centres,
  targets: targetGrids(mined, pairs),
  nullModel: true,
  cosine: false,
});
console.log('graph', performance.now() - t, g.nodes.length, 'nodes', g.inputs.length, 'in', g.outputs.length, 'out');
t = performance.now();
const { writeOnnx } = await import('../dist/graph/write.js');
const bytes = writeOnnx(g).model;
console.log('write', performance.now() - t, bytes.length);
t = performance.now();
const s = await ort.InferenceSession.create(bytes, {
  intraOpNumThreads: 2,
  enableProfiling: true,
  profileFilePrefix: '/tmp/prof',
  extra: { session: { intra_op: { allow_spinning: process.env.SPIN ?? '0' }, set_denormal_as_zero: '1' } },
});
console.log('open', performance.now() - t);
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
      : new ort.Tensor(
          'float32',
          Float32Array.from({ length: sz }, () => Math.random() * (i.name === 'images' ? 1 : 0)),
          i.shape,
        );
}
const R = 6;
for (let r = 0; r < R; r++) {
  t = performance.now();
  const o = await s.run(feeds);
  console.log('run', ((performance.now() - t) / n).toFixed(1), 'ms/img');
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
    .slice(0, 12)
    .map(([k, v]) => `${k} ${(v.t / R / n).toFixed(2)}ms/img x${v.n / R}`)
    .join('\n'),
);
if (process.env.DETAIL) {
  const l = ev
    .filter((e) => e.args.op_name === process.env.DETAIL)
    .slice(-60)
    .sort((a, b) => b.dur - a.dur)
    .slice(0, 25)
    .map(
      (e) =>
        `${(e.dur / 1000 / n).toFixed(3)} ${e.name} ${JSON.stringify(e.args.input_type_shape)} ${JSON.stringify(e.args.output_type_shape)}`,
    );
  console.log(l.join('\n'));
}
fs.unlinkSync('/tmp/' + pf);
