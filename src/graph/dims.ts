// Arithmetic on dimensions that may be dynamic: a number, a name, or '?' for one that nothing is known of.
// It holds no rule of any operator. Two dimensions of one name are equal; two '?' need not be.

import type { Dim } from './graph.ts';

export const unknown = '?';

export const isNumber = (dim: Dim | undefined): dim is number => typeof dim === 'number';

/** True when every dimension is a number. */
export const isStatic = (shape: readonly Dim[] | undefined): shape is readonly number[] =>
  shape !== undefined && shape.every(isNumber);

/** A shape that is known to be static. */
export function staticShape(shape: readonly Dim[] | undefined): readonly number[] {
  if (isStatic(shape)) return shape;
  throw new Error(`Internal error: ${formatShape(shape)} is no static shape`);
}

/** `f` of numbers, and '?' as soon as one of them is not known. */
export const compute = (f: (...numbers: number[]) => number, ...dims: readonly Dim[]): Dim =>
  dims.every(isNumber) ? f(...dims) : unknown;

/** '?' for each axis of a shape of which only the rank is known. Ranks that no tensor has are not believed. */
export const unknownShape = (rank: Dim | undefined): Dim[] | undefined =>
  isNumber(rank) && rank <= 64 ? new Array<Dim>(rank).fill(unknown) : undefined;

/** A shape for a message: `[1, batch, 3]`. */
export const formatShape = (shape: readonly Dim[] | undefined): string => (shape ? `[${shape.join(', ')}]` : '[...]');

/** Both dimensions are known to differ. */
export const differ = (a: Dim | undefined, b: Dim | undefined): boolean => isNumber(a) && isNumber(b) && a !== b;

/** What is known of a dimension that two values share. */
export function unify(a: Dim, b: Dim): Dim {
  if (isNumber(a)) return a;
  return isNumber(b) || a === unknown ? b : a;
}

/** The product of dimensions as a number times names, or undefined when one of them is '?'. */
export function product(dims: readonly Dim[]): { factor: number; names: string[] } | undefined {
  let factor = 1;
  const names: string[] = [];
  for (const dim of dims) {
    if (dim === unknown) return undefined;
    if (isNumber(dim)) factor *= dim;
    else names.push(dim);
  }
  return { factor, names };
}

/** The dimension d with d * product(divisor) = product(dividend); undefined when no whole number is. */
export function quotient(dividend: readonly Dim[], divisor: readonly Dim[]): Dim | undefined {
  const a = product(dividend);
  const b = product(divisor);
  if (!a || !b) return unknown;
  for (const name of b.names) {
    const at = a.names.indexOf(name);
    if (at < 0) return unknown;
    a.names.splice(at, 1);
  }
  if (b.factor === 0) return a.factor === 0 ? unknown : undefined;
  if (a.names.length === 0) return a.factor % b.factor === 0 ? a.factor / b.factor : undefined;
  return a.names.length === 1 && a.factor === b.factor ? a.names[0] : unknown;
}

/**
 * The shape that both broadcast to by NumPy's rules.
 * @returns undefined when they do not fit.
 */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y) out.push(x);
    else if (x === 1) out.push(y);
    else if (y === 1) out.push(x);
    else if (isNumber(x) && isNumber(y)) return undefined;
    // A dynamic dimension against a number above 1 is that number, whether it is equal or 1.
    else if (isNumber(x)) out.push(x);
    else if (isNumber(y)) out.push(y);
    else out.push(unknown);
  }
  return out;
}
