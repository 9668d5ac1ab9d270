// The small networks of every family of generators, in the official file formats, that lie beside the tests.

import { fileURLToPath } from 'node:url';
import type { Generator } from 'rosetta-neurons/zoo';
import { loadModel } from 'rosetta-neurons/zoo/node';

const files = {
  biggan_deep: 'pytorch_model.bin',
  stylegan2_rosinality: 'stylegan2-small-config-f.pt',
  stylegan2_ada: 'network-small.pkl',
  stylegan3r: 'stylegan3r_small.pkl',
  styleganxl: 'imagenet32_small.pkl',
};

export const goldenFile = (folder: string, file: string): string =>
  fileURLToPath(new URL(`../../test/golden/${folder}/${file}`, import.meta.url));

/** Opens them one after the other. @param only names with commas between them; default all. */
export async function* smallGenerators(only?: string): AsyncGenerator<Generator> {
  for (const [name, file] of Object.entries(files)) {
    if (only && !only.split(',').includes(name)) continue;
    const { model } = await loadModel(goldenFile(name, file), { name });
    if (model.kind === 'generator') yield model;
  }
}
