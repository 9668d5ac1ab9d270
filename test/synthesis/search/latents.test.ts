// Samples in the spaces of a generator.

import { describe, expect, it } from 'vitest';
import { sampleLatents } from '../../../src/synthesis/search/latents.ts';
import { styleGan2Generator } from '../../../src/training/gan/stylegan2/generator.ts';
import { modelFromTensors } from '../../../src/zoo/from-checkpoint.ts';
import type { Generator } from '../../../src/zoo/model.ts';
import { engine } from '../../zoo/fixtures.ts';

describe('samples in w', () => {
  it("are drawn by the generator's own truncation where none is given", async () => {
    const tensors = new Map(styleGan2Generator({ z: 8, w: 8, mapping: 1, channels: [8, 8] }, 1).state);
    const generator = modelFromTensors(tensors, { name: 'g' }).model as Generator;
    const own = generator.card.latent.truncation.default;
    const drawn = await sampleLatents(engine, generator, { samples: 3, space: 'w' });
    const given = await sampleLatents(engine, generator, { samples: 3, space: 'w', truncation: own });
    const other = await sampleLatents(engine, generator, { samples: 3, space: 'w', truncation: own / 2 });
    expect([...drawn.w!.data]).toEqual([...given.w!.data]);
    expect([...drawn.w!.data]).not.toEqual([...other.w!.data]);
  });
});
