// A search as tensors for a file, and back: what is needed to take up an interrupted one.
// It writes no file.

import { UserError } from '../../errors.ts';
import { float32, type Float32Tensor, type Tensor } from '../../graph/tensor.ts';
import type { AdamState } from './adam.ts';
import type { LatentName, Latents } from './latents.ts';
import type { SearchState } from './rows.ts';

/** A saved search: its state, and the latents that it had begun with. */
export interface SavedSearch {
  readonly start: Latents;
  readonly state: SearchState;
}

const row = (values: ArrayLike<number>): Float32Tensor => float32([values.length], Float32Array.from(values));

export function searchTensors({ start, state }: SavedSearch): Map<string, Tensor> {
  const { step, latents, adam, best, improved } = state;
  const prefixed = (prefix: string, values: Latents): [string, Tensor][] =>
    Object.entries(values).map(([name, tensor]) => [`${prefix}/${name}`, tensor]);
  return new Map<string, Tensor>([
    ...prefixed('start', start),
    ...prefixed('latents', latents),
    ...prefixed('best', best.latents),
    ...Object.entries(adam).flatMap(([name, { first, second }]): [string, Tensor][] => [
      [`adam/${name}/first`, row(first)],
      [`adam/${name}/second`, row(second)],
    ]),
    ['best loss', row(best.loss)],
    ['best step', row(best.step)],
    ['improved loss', row(improved.loss)],
    ['steps', row([step, improved.step])],
  ]);
}

/** @throws UserError when the tensors are no saved search. */
export function searchFromTensors(tensors: ReadonlyMap<string, Tensor>): SavedSearch {
  const data = (name: string): Float32Array => {
    const values = tensors.get(name)?.data;
    if (!(values instanceof Float32Array)) {
      throw new UserError(`the saved search has no "${name}"; remove its file to begin anew`);
    }
    return values;
  };
  const under = (prefix: string): Latents =>
    Object.fromEntries(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(`${prefix}/`)
          ? [[name.slice(prefix.length + 1) as LatentName, float32(tensor.shape, data(name))]]
          : [],
      ),
    );
  const names = [...tensors.keys()].flatMap((name) => /^adam\/(\w+)\/first$/.exec(name)?.[1] ?? []);
  const adam = Object.fromEntries(
    names.map((name): [string, AdamState] => [
      name,
      { first: data(`adam/${name}/first`), second: data(`adam/${name}/second`) },
    ]),
  );
  const [step, improved] = data('steps');
  return {
    start: under('start'),
    state: {
      step,
      latents: under('latents'),
      adam,
      best: { latents: under('best'), loss: data('best loss'), step: Int32Array.from(data('best step')) },
      improved: { loss: data('improved loss'), step: improved },
    },
  };
}
