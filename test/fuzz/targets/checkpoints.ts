// Checkpoints of every format: safetensors, torch's archives and legacy files, StyleGAN's pickles, NumPy's values in them.
// Models are not made of them.

import * as w from '../../checkpoint/pickle-writer.ts';
import fc from 'fast-check';
import { changed } from '../generators/bytes.ts';
import { pickles } from '../generators/pickle.ts';
import { changedSafetensors } from '../generators/safetensors.ts';
import type { Target } from '../target.ts';
import { golden, readCheckpoint } from './files.ts';

const checkpoint = (name: string): Uint8Array => golden(`checkpoint/${name}`);

const generator = w.persistent(
  'Generator',
  w.moduleState(
    { parameters: { weight: w.tensor([1, 2, 3, 4], [2, 2]) }, buffers: { filter: w.tensor([1]) } },
    {
      gain: w.numpyScalar('f8', new Uint8Array(8)),
      size: w.numpyArray('i8', [w.int(1)], w.bytes(new Uint8Array(8))),
      names: w.list(w.text('a'), w.int(1), w.none),
    },
  ),
);
const stylegan = w.pickle(w.dict({ G_ema: generator }), 4);

export const checkpoints: readonly Target[] = [
  {
    name: 'safetensors',
    prepare: () => ({
      inputs: changedSafetensors([checkpoint('tensors.safetensors'), checkpoint('views.safetensors')]),
      read: readCheckpoint,
    }),
  },
  {
    name: 'torch-zip',
    prepare: () => ({
      inputs: changed(['tensors.pth', 'tensors-deflated.pth', 'tensors-zip64.pth', 'tensors-protocol5.pth', 'objects.pth'].map(checkpoint)), // prettier-ignore
      read: readCheckpoint,
    }),
  },
  {
    name: 'torch-legacy',
    prepare: () => ({
      inputs: changed(['tensors-legacy.pth', 'tensors-legacy-protocol4.pth', 'objects-legacy.pth', 'views-legacy.pth'].map(checkpoint)), // prettier-ignore
      read: readCheckpoint,
    }),
  },
  {
    name: 'stylegan-pickle',
    prepare: () => ({ inputs: fc.oneof(changed([stylegan]), pickles), read: readCheckpoint }),
  },
];
