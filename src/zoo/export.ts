// A model as a graph of its own, for files and other programs: images or latents in, layers and output out.
// It writes nothing.

import { GraphBuilder, type Value } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { GeneratorInput, GeneratorOptions, Model } from './model.ts';

export interface ExportOptions {
  readonly batch: number;
  /** Encoders: 'images', RGB in [0, 1] (default), or 'x', the network's own normalised input. Generators: 'z' (default), 'w', 'ws'. */
  readonly input?: 'images' | 'x' | 'z' | 'w' | 'ws';
  /** Truncation, cutoff and noise of a generator. */
  readonly generator?: Partial<GeneratorOptions>;
}

/**
 * The graph of a model for one batch size. Outputs: every tap under its layer's name, and `output`; of generators also
 * `images`, RGB in [0, 1].
 */
export function modelGraph(model: Model, { batch, input, generator }: ExportOptions): Graph {
  const b = new GraphBuilder({ name: model.name });
  const outputs = (taps: ReadonlyMap<string, Value>, more: Readonly<Record<string, Value>>) => {
    for (const [layer, value] of [...taps, ...Object.entries(more)]) b.output(b.identity(value), layer);
    return b.build();
  };
  if (model.kind === 'encoder') {
    const { height, width } = model.card.input;
    const shape = [batch, 3, height, width];
    const built = input === 'x' ? model.addRawTo(b, b.input('x', shape)) : model.addTo(b, b.input('images', shape));
    return outputs(built.taps, { output: built.output });
  }
  const { z, classes, w, layers } = model.card.latent;
  const latents: GeneratorInput =
    input === 'w'
      ? { w: b.input('w', [batch, w]) }
      : input === 'ws'
        ? { ws: b.input('ws', [batch, layers, w]) }
        : { z: b.input('z', [batch, z]), ...(classes && { c: b.input('c', [batch, classes]) }) };
  const built = model.addTo(b, latents, generator);
  return outputs(built.taps, { output: built.output, images: built.images });
}
