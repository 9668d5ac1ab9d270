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

const latentNames: ReadonlySet<string> = new Set<LatentName>(['z', 'c', 'w', 'ws']);
const isLatentName = (name: string): name is LatentName => latentNames.has(name);

/** @throws UserError when the tensors are no saved search; it names the one that is missing or of another form. */
export function searchFromTensors(tensors: ReadonlyMap<string, Tensor>): SavedSearch {
  const wrong = (name: string, what: string): UserError =>
    new UserError(`the saved search ${what} "${name}"; remove its file to begin anew`);
  const tensorOf = (name: string, shape?: readonly number[]): Float32Tensor => {
    const found = tensors.get(name);
    if (!found) throw wrong(name, 'has no');
    if (!(found.data instanceof Float32Array) || (shape && found.shape.join() !== shape.join()))
      throw wrong(name, 'has another form of');
    return float32(found.shape, found.data);
  };
  const data = (name: string, length: number): Float32Array => tensorOf(name, [length]).data;
  const names = [...tensors.keys()].flatMap((name) => /^start\/(.*)$/s.exec(name)?.[1] ?? []).filter(isLatentName);
  const start: Latents = Object.fromEntries(names.map((name) => [name, tensorOf(`start/${name}`)]));
  const rows = Object.values(start)[0]?.shape[0];
  if (!rows) throw wrong('start', 'has no');
  /** As many and of the same shapes as those at the start. */
  const under = (prefix: string): Latents =>
    Object.fromEntries(
      Object.entries(start).map(([name, { shape }]) => {
        if (shape.length < 2 || shape[0] !== rows) throw wrong(`start/${name}`, 'has another form of');
        return [name, tensorOf(`${prefix}/${name}`, shape)];
      }),
    );
  const adam = Object.fromEntries(
    Object.entries(start).map(
      ([
        name,
        {
          data: { length },
        },
      ]): [string, AdamState] => [
        name,
        { first: data(`adam/${name}/first`, length), second: data(`adam/${name}/second`, length) },
      ],
    ),
  );
  const stepsOf = (name: string, length: number): Float32Array => {
    const steps = data(name, length);
    if (!steps.every((step) => Number.isInteger(step) && step >= 0)) throw wrong(name, 'has no whole numbers in');
    return steps;
  };
  const [step, improved] = stepsOf('steps', 2);
  return {
    start,
    state: {
      step,
      latents: under('latents'),
      adam,
      best: {
        latents: under('best'),
        loss: data('best loss', rows),
        step: Int32Array.from(stepsOf('best step', rows)),
      },
      improved: { loss: data('improved loss', rows), step: improved },
    },
  };
}
