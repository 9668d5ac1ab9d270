// Short names to write attributes with: `{ axis: int(1), perm: ints([0, 2, 1]) }`.
// They check nothing: what an operator accepts is its rule's business.

import type { Attribute } from './graph.ts';

export const int = (value: number): Attribute => ({ int: value });
export const ints = (values: readonly number[]): Attribute => ({ ints: values });
export const float = (value: number): Attribute => ({ float: value });
export const floats = (values: readonly number[]): Attribute => ({ floats: values });
export const string = (value: string): Attribute => ({ string: value });
