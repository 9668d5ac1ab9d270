// A fast check of the dictionary's pairs, which are many. The schema that it follows is in dictionary.ts.

import { isRecord } from '../../files/parse-json.ts';
import { pairSchema, type Pair } from './dictionary.ts';
import { isUnitName } from './units.ts';

const isNumberOrNull = (value: unknown): boolean => value === null || Number.isFinite(value);
const isUnit = (value: unknown): boolean => typeof value === 'string' && isUnitName(value);
const pairKeys = Object.keys(pairSchema.properties).length;

/**
 * Whether a value is what `pairSchema` describes. Dictionaries have hundreds of thousands of pairs, for which the library
 * takes seconds.
 */
export function isPair(value: unknown): value is Pair {
  if (!isRecord(value)) return false;
  const { a, b, r, rNull, excess, q, rHeldOut, replications } = value;
  return (
    isUnit(a) &&
    isUnit(b) &&
    Number.isFinite(r) &&
    isNumberOrNull(rNull) &&
    isNumberOrNull(excess) &&
    isNumberOrNull(q) &&
    isNumberOrNull(rHeldOut) &&
    (replications === 0 || replications === 1 || replications === 2) &&
    Object.keys(value).length === pairKeys
  );
}
