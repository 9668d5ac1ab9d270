// A zoo for the demo's tests: networks of the shipped architectures, tiny, with fresh weights.
// It is no test itself.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensorsFile } from '../../../src/checkpoint/node.ts';
import type { Tensor } from '../../../src/graph/tensor.ts';
import { nodeEngine } from '../../../src/runtime/node.ts';
import { freshGenerator, type GeneratorName } from '../../../src/training/gan/kinds.ts';
import { freshResNet } from '../../../src/training/class/tensors.ts';

const sizes = {
  biggan: { z: 16, embedding: 8, classes: 10, channels: [16, 8] },
  stylegan2: { z: 8, w: 8, mapping: 2, channels: [16, 8] },
  'stylegan-xl': {
    ...{ size: 8, channels: [20, 16, 12], z: 8, w: 8, classes: 10, critical: 1, mappingRate: 0.1 },
    ...{ margin: 1, filterSize: 4, firstCutoff: 1, firstStopband: 1.5 },
  },
} as const satisfies Record<GeneratorName, object>;

const told = { task: 'none', supervision: 'none', data: 'none', licence: 'MIT', source: 'fresh weights' };

/** Writes stylegan2, biggan, stylegan-xl, and the encoders a and b. */
export async function tinyZoo(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const write = async (name: string, card: object, tensors: ReadonlyMap<string, Tensor>) => {
    await writeSafetensorsFile(join(folder, `${name}.safetensors`), tensors);
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ name, ...card, file: `${name}.safetensors` }));
  };
  for (const [i, name] of (['a', 'b'] as const).entries()) {
    const tensors = freshResNet({ depths: [1, 1], planes: [8, 16], stem: 8, classes: 10 }, i);
    await write(name, { architecture: 'resnet', ...told }, tensors);
  }
  for (const [name, architecture] of Object.entries(sizes)) {
    const generator = freshGenerator(name as GeneratorName, architecture, 1);
    await write(name, generator.card, await generator.network(generator.state, nodeEngine({ threads: 2 })));
  }
}
