// Whether a training fits into memory, told before anything of its size is made.
// It counts what is certain: weights with what is kept of each, and a batch of photos; activations come on top.

import { UserError } from '../../errors.ts';
import { sizeOf } from '../../graph/tensor.ts';
import type { Recipe } from './recipe.ts';

/** Bytes that a training may take where nobody tells. */
const usualMemory = 64 * 2 ** 30;
const bytes = Float32Array.BYTES_PER_ELEMENT;

/** The engine and its buffers take no array that is longer. */
const longest = 2 ** 31 - 1;

const gigabytes = (count: number): string => `${(count / 2 ** 30).toPrecision(3)} GB`;
const listed = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** Shapes by name. */
export type Shapes = Iterable<readonly [name: string, shape: readonly number[]]>;

/**
 * @param weights all tensors of the training, by name. @param batch what one step is fed.
 * @throws UserError when either is larger than the memory, naming the largest and the entry of the recipe.
 */
export function expectRoom(
  { name, schedule }: Pick<Recipe, 'name' | 'schedule'>,
  weights: Shapes,
  batch: Shapes,
  memory = usualMemory,
): void {
  const { optimiser, ema } = schedule;
  const moments = optimiser.kind === 'adam' ? 2 : optimiser.momentum ? 1 : 0;
  // Itself, its gradient, what the optimiser remembers, and its average.
  const copies = 2 + moments + (ema === undefined ? 0 : 1);
  const told = (what: string, remedy: string, shapes: Shapes, each: number) => {
    const [sum, largest, shape] = totalOf(shapes);
    const taken = sum * each * bytes;
    if (taken <= memory && sizeOf(shape) <= longest) return;
    throw new UserError(
      `${what} of ${name} would take ${gigabytes(taken)}, of the ${gigabytes(memory)} that there are: ` +
        `the largest part is "${largest}", ${listed(shape)}. ${remedy}`,
    );
  };
  told('the weights and what training keeps of them', 'Make the sizes in "architecture" and "objective" smaller', weights, copies); // prettier-ignore
  told('a batch', 'Make "schedule.batch", the photos or their crops smaller', batch, 1);
}

/** How many numbers there are, and the largest of the tensors. */
function totalOf(shapes: Shapes): readonly [sum: number, largest: string, shape: readonly number[]] {
  let sum = 0;
  let largest: readonly [string, readonly number[]] = ['none', [0]];
  for (const [name, shape] of shapes) {
    sum += sizeOf(shape);
    if (sizeOf(shape) > sizeOf(largest[1])) largest = [name, shape];
  }
  return [sum, ...largest];
}
