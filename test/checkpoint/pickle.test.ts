// Pickles against what Python says is in them, and pickles that mean harm.

import { describe, expect, it } from 'vitest';
import { unpickle } from '../../src/checkpoint/pickle/pickle.ts';
import { namedTensors, type CheckpointTree } from '../../src/checkpoint/tree.ts';
import { ascii, bytesOf, concat, messageIn } from './fixtures.ts';

interface Row {
  readonly name: string;
  readonly hex: string;
  readonly value: unknown;
}
const rows = JSON.parse(Buffer.from(bytesOf('checkpoint/pickles.json')).toString()) as Row[];

/** The inverse of `plain` in make.py. JSON has no int and float: `1` and `1.0` are one number to this reader. */
function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value !== 'object' || value === null) return value;
  const { int, float, bytes, set, dict } = value as Record<string, never>;
  if (int !== undefined) return BigInt(int);
  if (float !== undefined) return floatFromHex(float);
  if (bytes !== undefined) return new Uint8Array(Buffer.from(bytes, 'hex'));
  if (set !== undefined) return new Set((set as unknown[]).map(fromJson));
  return new Map((dict as [unknown, unknown][]).map(([k, v]) => [fromJson(k), fromJson(v)]));
}

function floatFromHex(text: string): number {
  if (/inf/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const [, sign, whole, fraction, exponent] = /^(-?)0x(\d)\.([0-9a-f]+)p([+-]\d+)$/.exec(text)!;
  const mantissa = Number(whole) + parseInt(fraction, 16) / 16 ** fraction.length;
  return (sign ? -1 : 1) * mantissa * 2 ** Number(exponent);
}

const read = (bytes: Uint8Array): CheckpointTree => unpickle('test.pkl', bytes).value;

describe('pickles that Python wrote', () => {
  it.each(rows)('$name', ({ hex, value }) => {
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
    const { value: found, end } = unpickle('test.pkl', bytes);
    expect(found).toEqual(fromJson(value));
    expect(end).toBe(bytes.length);
  });

  it('keeps one object one object', () => {
    const row = rows.find(({ name }) => name === 'repeated, protocol 2')!;
    const [first, second] = read(new Uint8Array(Buffer.from(row.hex, 'hex'))) as CheckpointTree[];
    expect(first).toBe(second);
  });
});

describe('calls are recorded and not made', () => {
  it('records REDUCE, NEWOBJ, OBJ, INST and BUILD', () => {
    const call = { kind: 'object', callable: { kind: 'global', module: 'os', name: 'system' }, state: null };
    const none = { items: null, entries: null };
    const expected = { ...call, ...none, args: ['echo'] };
    for (const text of [
      'cos\nsystem\n(X\x04\0\0\0echotR.',
      'cos\nsystem\nX\x04\0\0\0echo\x85\x81.',
      '\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85}\x92.',
      '(cos\nsystem\nX\x04\0\0\0echoo.',
      '(X\x04\0\0\0echoios\nsystem\n.',
    ]) {
      expect(read(ascii(text))).toEqual(expected);
    }
    const built = read(ascii('cos\nsystem\n)R}X\x01\0\0\0aK\x01sb.'));
    expect(built).toEqual({ ...call, ...none, args: [], state: new Map([['a', 1]]) });
  });

  it('records the content of subclasses of list and dict', () => {
    expect(read(ascii('cm\nList\n)R(K\x01K\x02e.'))).toMatchObject({ items: [1, 2], entries: null });
    expect(read(ascii('cm\nDict\n)R(K\x01K\x02u.'))).toMatchObject({ items: null, entries: new Map([[1, 2]]) });
  });
});

describe('damaged pickles', () => {
  it.each([
    ['nothing', '', /truncated/],
    ['no end', 'K\x01', /truncated/],
    ['no value', '.', /operand/],
    ['an unknown opcode', '\xff.', /no operation/],
    ['an extension', '\x82\x01.', /no operation/],
    ['an out-of-band buffer', '\x97.', /no operation/],
    ['protocol 6', '\x80\x06N.', /protocol 6/],
    ['a missing mark', 't.', /mark/],
    ['an operand below the mark', 'K\x01(0K\x01(\x85.', /operand/],
    ['a value that was not stored', 'h\x01.', /before it was stored/],
    ['appending to a number', 'K\x01K\x02a.', /no list/],
    ['setting an item of a list', ']K\x01K\x02s.', /no dict/],
    ['half a pair', '}(K\x01u.', /without a value/],
    ['a reference to the outside', 'K\x01Q.', /outside/],
    ['a malformed integer', 'Iseven\n.', /integer/],
    ['a malformed float', 'Fconstructor\n.', /number/],
    ['a text longer than the file', '\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.', /truncated/],
    ['bytes longer than the file', 'B\xff\xff\xff\xffabc.', /truncated/],
    ['a byte array longer than the file', '\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc.', /truncated/],
    ['a long integer longer than the file', '\x8b\xff\xff\xff\xffabc.', /truncated/],
    ['a line without an end', 'cos', /truncated/],
  ])('%s', async (_, text, pattern) => {
    const message = await messageIn(() => read(ascii(text)));
    expect(message).toMatch(pattern);
    expect(message).toContain('test.pkl');
  });
});

describe('pickles that mean harm', () => {
  const repeat = (text: string, count: number): Uint8Array =>
    new Uint8Array(Buffer.alloc(text.length * count, text, 'latin1'));

  /** The resident memory that an action adds at most, in bytes, as seen after it. */
  async function grows(action: () => unknown): Promise<{ message: string; bytes: number }> {
    const before = process.memoryUsage.rss();
    const message = await messageIn(action);
    return { message, bytes: process.memoryUsage.rss() - before };
  }

  it.each([
    ['endless dicts', '}', 3_000_000],
    ['endless lists', ']', 3_000_000],
    ['endless marks', '(', 3_000_000],
    ['endless tuples in tuples', '\x85', 3_000_000],
    ['endless duplicates', '2', 3_000_000],
    ['endless stores', '\x94', 3_000_000],
    ['endless empty texts', '\x8c\0', 3_000_000],
    ['endless replaced values', 'N0', 12_000_000],
  ])('%s end in a UserError, in bounded memory', async (_, text, count) => {
    const bytes = concat('N', repeat(text, count));
    const { message, bytes: grown } = await grows(() => read(bytes));
    expect(message).toMatch(/No ordinary checkpoint/);
    expect(grown).toBeLessThan(1e9);
  });

  it('a list that is copied by many calls ends in a UserError', async () => {
    // l = [[], [], ...]; set(l), set(l), ...
    const bytes = concat('](', repeat(']', 100_000), 'e\x94', repeat('cbuiltins\nset\nh\0\x85R', 1000));
    expect(await messageIn(() => read(bytes))).toMatch(/objects/);
  });

  it('integers of a megabyte end in a UserError', async () => {
    const binary = concat('\x8b\0\0\x10\0', new Uint8Array(2 ** 20).fill(1), '.');
    const decimal = concat('L', repeat('9', 2 ** 20), 'L\n.');
    expect(await messageIn(() => read(binary))).toMatch(/integer/);
    expect(await messageIn(() => read(decimal))).toMatch(/integer/);
  });

  it('reads lists that double at every level, and refuses to name what is in them', async () => {
    // x = []; 60 times x = [x, x]: 2^60 paths in 130 bytes.
    const tree = read(concat(']', repeat('2\x86', 60), '.'));
    expect([...namedTensors(tree, 'test.pkl')]).toEqual([]); // what holds no tensor is looked at once
    const storage = { kind: 'storage', type: 'FloatStorage', dtype: 'float32', key: '0', elementBytes: 4 } as const;
    const view = { count: 1, viewStart: 0, viewCount: 1 };
    let bomb: CheckpointTree = {
      ...{ kind: 'tensor', dtype: 'float32', shape: [1], strides: [1], offset: 0 },
      storage: { ...storage, ...view },
    };
    for (let i = 0; i < 60; i++) bomb = [bomb, bomb];
    expect(await messageIn(() => namedTensors(bomb, 'test.pkl'))).toMatch(/share them too often/);
  });

  it('nesting deeper than any checkpoint does not exhaust the stack', async () => {
    const tree = read(concat('N', repeat('\x85', 1_000_000), '.'));
    expect(await messageIn(() => namedTensors(tree, 'test.pkl'))).toMatch(/nested more than/);
  });

  it('follows no cycle', () => {
    const cycle = read(ascii(']\x94h\0a.')) as CheckpointTree[];
    expect(cycle[0]).toBe(cycle);
    expect([...namedTensors(cycle, 'test.pkl')]).toEqual([]);
  });
});
