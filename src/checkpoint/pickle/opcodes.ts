// What each opcode of Python's pickle format does to the machine. Names and meanings: CPython's Lib/pickletools.py.
// It has no state: that is in machine.ts. Each reads all of its input before it changes anything, so that it can
// be tried again when the input was not in memory.

import type { PickleMachine } from './machine.ts';
import type { CheckpointTree, TreeGlobal } from '../tree.ts';

const global = (module: CheckpointTree, name: CheckpointTree): TreeGlobal => ({
  kind: 'global',
  module: typeof module === 'string' ? module : '',
  name: typeof name === 'string' ? name : '',
});

const pairsToMap = (values: readonly CheckpointTree[]): Map<CheckpointTree, CheckpointTree> => {
  const map = new Map<CheckpointTree, CheckpointTree>();
  for (let i = 0; i + 1 < values.length; i += 2) map.set(values[i], values[i + 1]);
  return map;
};

/** A quoted string of protocol 0, as Python 2's repr wrote it. */
function unquote(line: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
  return line
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|.)/g, (_, e: string) =>
      e.length > 1 ? String.fromCharCode(parseInt(e.slice(1), 16)) : (escapes[e] ?? e),
    );
}

const unescapeUnicode = (line: string): string =>
  line.replace(/\\u([0-9a-fA-F]{4})|\\U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})/g, (_, short: string, long: string) =>
    String.fromCodePoint(parseInt(short ?? long, 16)),
  );

function float(line: string, m: PickleMachine): number {
  const value = Number(line.replace('inf', 'Infinity'));
  if (Number.isNaN(value) && line !== 'nan') m.input.fail('a malformed number');
  return value;
}

const table: Record<string, (m: PickleMachine) => void> = {
  // values
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  I: (m) => {
    const at = m.input.position;
    const line = m.input.line();
    if (line === '00' || line === '01') return m.push(line === '01');
    m.input.position = at;
    m.push(m.input.decimal());
  },
  J: (m) => m.push(m.input.i32()),
  K: (m) => m.push(m.input.u8()),
  M: (m) => m.push(m.input.u16()),
  L: (m) => m.push(m.input.decimal()),
  '\x8a': (m) => m.push(m.input.integer(m.input.u8())),
  '\x8b': (m) => m.push(m.input.integer(m.input.u32())),
  F: (m) => m.push(float(m.input.line(), m)),
  G: (m) => m.push(m.input.f64()),
  S: (m) => m.push(unquote(m.input.line())),
  T: (m) => m.push(m.input.byteText(m.input.u32())),
  U: (m) => m.push(m.input.byteText(m.input.u8())),
  V: (m) => m.push(unescapeUnicode(m.input.line())),
  X: (m) => m.push(m.input.text(m.input.u32())),
  '\x8c': (m) => m.push(m.input.text(m.input.u8())),
  '\x8d': (m) => m.push(m.input.text(m.input.u64())),
  B: (m) => m.create(m.input.byteString(m.input.u32())),
  C: (m) => m.create(m.input.byteString(m.input.u8())),
  '\x8e': (m) => m.create(m.input.byteString(m.input.u64())),
  '\x96': (m) => m.create(m.input.byteString(m.input.u64())),
  // containers
  '(': (m) => m.mark(),
  ')': (m) => m.create([]),
  t: (m) => m.create(m.popToMark()),
  '\x85': (m) => m.create(m.popMany(1)),
  '\x86': (m) => m.create(m.popMany(2)),
  '\x87': (m) => m.create(m.popMany(3)),
  ']': (m) => m.create([]),
  l: (m) => m.create(m.popToMark()),
  a: (m) => m.append(m.popMany(1)),
  e: (m) => m.append(m.popToMark()),
  '}': (m) => m.create(new Map()),
  d: (m) => m.create(pairsToMap(m.popToMark())),
  s: (m) => m.setItems(m.popMany(2)),
  u: (m) => m.setItems(m.popToMark()),
  '\x8f': (m) => m.create(new Set()),
  '\x90': (m) => m.append(m.popToMark()),
  '\x91': (m) => m.create(new Set(m.popToMark())),
  // objects
  c: (m) => m.create(global(m.input.line(), m.input.line())),
  '\x93': (m) => m.create(global(...m.popPair())),
  R: (m) => m.call(...m.popPair()),
  '\x81': (m) => m.call(...m.popPair()),
  '\x92': (m) => {
    const [callable, args, keywords] = m.popMany(3);
    m.call(callable, keywords instanceof Map && keywords.size > 0 ? [args, keywords] : args);
  },
  i: (m) => m.call(global(m.input.line(), m.input.line()), m.popToMark()),
  o: (m) => {
    const [callable, ...args] = m.popToMark();
    m.call(callable ?? null, args);
  },
  b: (m) => m.build(),
  P: (m) => m.persistent(m.input.line()),
  Q: (m) => m.persistent(m.pop()),
  // the machine itself
  '0': (m) => void (m.unmark() || m.pop()),
  '1': (m) => void m.popToMark(),
  '2': (m) => m.push(m.top()),
  p: (m) => m.remember(Number(m.input.decimal())),
  q: (m) => m.remember(m.input.u8()),
  r: (m) => m.remember(m.input.u32()),
  '\x94': (m) => m.remember(m.memo.size),
  g: (m) => m.recall(Number(m.input.decimal())),
  h: (m) => m.recall(m.input.u8()),
  j: (m) => m.recall(m.input.u32()),
  '\x80': (m) => {
    const protocol = m.input.u8();
    if (protocol > 5) m.input.fail(`pickle protocol ${protocol} is not one of 0 to 5`);
  },
  '\x95': (m) => void m.input.u64(),
};

/** By the opcode's byte; undefined for bytes that are none. */
export const operations: (((m: PickleMachine) => void) | undefined)[] = [];
for (const [opcode, operation] of Object.entries(table)) operations[opcode.charCodeAt(0)] = operation;
