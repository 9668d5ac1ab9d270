// Reading what the program itself has put there: entries of maps, last elements, results that are known to exist.
// Not for what people give: a missing thing here is a fault of the program, told as such.

/** The entry of a map under a key that is known to be in it. */
export function required<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, what: string): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`Internal error: no ${what} "${String(key)}"`);
  return value;
}

/** A value that is known to be there. */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`Internal error: no ${what}`);
  return value;
}

/** The last element of a list that is known not to be empty. */
export function lastOf<Value>(list: readonly Value[]): Value {
  if (list.length === 0) throw new Error('Internal error: the last element of an empty list');
  return list[list.length - 1];
}
