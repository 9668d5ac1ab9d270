// What a step of a search costs, at full size with random weights: the forward pass to the objective, against the same with
// its gradient. Generators: by their latent, through the agreement of units; encoders: by the image, through a feature loss.
// Each network runs in a process of its own, whose peak memory is counted.
// usage: npm run bench steps -- [--only NAME,NAME] [--batch N] [--runs N] [--units N] [--segments N]

import { parseArgs } from 'node:util';
import { gradients, simplify } from 'rosetta-neurons/autodiff';
import { GraphBuilder, float32, sizeOf, type Graph, type Tensor } from 'rosetta-neurons/graph';
import type { Engine } from 'rosetta-neurons/runtime';
import { withSession } from 'rosetta-neurons/runtime';
import { nodeEngine } from 'rosetta-neurons/runtime/node';
import { agreementTerm, featureTerm, featureTargets, stepGraph } from 'rosetta-neurons/synthesis';
import { modelFromTensors, type Model } from 'rosetta-neurons/zoo';
import { asArguments, gib, peakBytes, resultOf } from './stand-ins/child.ts';
import { cardOf, hintsOf, names, tensorsOf } from './stand-ins/networks.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    batch: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
    units: { type: 'string', default: '200' },
    segments: { type: 'string', default: 'auto' },
    child: { type: 'boolean' },
    what: { type: 'string' },
  },
});

const n = Number(values.batch);
const segments = values.segments === 'auto' ? undefined : Number(values.segments);
const waves = (shape: readonly number[]) =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(12.9898 * i + 1)),
  );

/** Units spread over all layers, with made-up targets on each layer's own grid. */
function groupsOf({ taps }: Model, count: number) {
  const total = taps.reduce((sum, { channels }) => sum + channels, 0);
  return taps.flatMap(({ layer, channels, height, width }) => {
    const fraction = Math.max(1, Math.round((count * channels) / total));
    const units = Array.from({ length: Math.min(fraction, channels) }, (_, i) => i);
    return [
      {
        layer,
        units,
        means: new Float32Array(units.length),
        stds: new Float32Array(units.length).fill(1),
        target: waves([1, units.length, height, width]),
        weights: new Float32Array(units.length).fill(1),
        targetNames: units.map(String),
      },
    ];
  });
}

/** Seconds of the fastest run after the first, which touches fresh memory. */
const timed = (engine: Engine, graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<number> =>
  withSession(engine, graph, async (session) => {
    const times: number[] = [];
    for (let i = 0; i <= Number(values.runs); i++) {
      const start = performance.now();
      (await session.run(feeds)).dispose();
      if (i > 0) times.push((performance.now() - start) / 1000);
    }
    return Math.min(...times);
  });

/** The graph of a network to its objective, with or without gradient, and what to feed. */
async function graphOf(engine: Engine, model: Model, withGradient: boolean) {
  if (model.kind === 'generator') {
    const { latent } = model.card;
    const latents = { w: waves([n, latent.w]) };
    const step = stepGraph({
      generator: model,
      latents: [['w', [n, latent.w]]],
      terms: [agreementTerm(groupsOf(model, Number(values.units)))],
      free: withGradient ? ['w'] : [],
      segments,
    });
    return { graph: step.graph, feeds: { ...latents, ...step.given } };
  }
  const { height, width } = model.card.input;
  const shape = [n, 3, height, width];
  const target = await featureTargets(engine, model, waves(shape));
  const b = new GraphBuilder({ name: 'features' });
  const images = b.input('images', shape);
  const given: Record<string, Tensor> = {};
  const { loss } = featureTerm(model, target, 1).addTo({
    b,
    images,
    given(name, tensor) {
      given[name] = tensor;
      return b.input(name, tensor.shape);
    },
  });
  b.output(b.identity(loss), 'loss');
  if (withGradient) {
    const [gradient] = gradients(b, b.reduceSum(loss, [0]), [images], { segments });
    b.output(b.identity(gradient), 'gradient');
  }
  return { graph: simplify(b.build()), feeds: { images: waves(shape), ...given } };
}

if (values.child) {
  const name = values.only ?? names[0];
  const engine = nodeEngine();
  const { model } = modelFromTensors(tensorsOf(name), { name, card: cardOf(name), hints: hintsOf(name) });
  const { graph, feeds } = await graphOf(engine, model, values.what === 'step');
  const seconds = await timed(engine, graph, feeds);
  console.log(`\n${JSON.stringify({ seconds, nodes: graph.nodes.length, peak: peakBytes() })}`);
} else {
  const chosen = values.only ? values.only.split(',') : names;
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown) throw new Error(`no network "${unknown}"; there are ${names.join(', ')}`);
  console.log(`batch ${n}, ${values.units} units guided in generators, ${values.segments} segments`);
  console.log('| network | forward, s | step, s | step / forward | peak forward | peak step |');
  console.log(`|${'---|'.repeat(6)}`);
  for (const name of chosen) {
    const [forward, step] = ['forward', 'step'].map((what) => {
      const { batch, runs, units, segments } = values;
      const options = asArguments({ what, only: name, batch, runs, units, segments });
      return resultOf<{ seconds: number; peak: number }>(import.meta.url, ['--child', ...options], name);
    });
    const ratio = (step.seconds / forward.seconds).toFixed(2);
    console.log(
      `| ${name} | ${forward.seconds.toFixed(3)} | ${step.seconds.toFixed(3)} | ${ratio} | ${gib(forward.peak)} | ${gib(step.peak)} |`,
    );
  }
}
