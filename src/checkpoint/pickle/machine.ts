// The stack machine of Python's pickle format: a stack, marks and a memo, with bounds on each.
// It calls nothing: what a call would have made is recorded, unless it is known to be mere data.

import { UserError } from '../../errors.ts';
import type { PickleBytes } from './bytes.ts';
import { hasKind, type CheckpointTree, type TreeGlobal, type TreeObject } from '../tree.ts';

export interface PickleOptions {
  /** The data that calling `callable(...args)` stands for; undefined leaves a record of the call. */
  construct?: (callable: TreeGlobal, args: CheckpointTree[]) => CheckpointTree | undefined;
  /** The data that a persistent id stands for. Without it, such ids are an error. */
  persistent?: (id: CheckpointTree) => CheckpointTree;
}

// A byte of pickle can make an object of a hundred bytes: these bound the memory that a hostile file gets.
// A tensor takes about eight objects and eight memo places.
const maxObjects = 1_000_000;
const maxMemo = 1_000_000;
const maxStack = 1_000_000;

export class PickleMachine {
  readonly input: PickleBytes;
  readonly options: PickleOptions;
  readonly memo = new Map<number, CheckpointTree>();
  #stack: CheckpointTree[] = [];
  /** Stack heights at which unfinished lists of arguments begin. */
  readonly #marks: number[] = [];
  /** What `bytes(text)` made; a text can be given to many calls. */
  readonly #encoded = new Map<string, Uint8Array>();
  #objects = 0;
  /** Operations done so far. */
  operations = 0;

  constructor(input: PickleBytes, options: PickleOptions) {
    this.input = input;
    this.options = options;
  }

  refuse(what: string): never {
    throw new UserError(
      `${this.input.name}: the pickled objects take more than ${what}. No ordinary checkpoint does, so it was not read.`,
    );
  }

  push(value: CheckpointTree): void {
    if (this.#stack.length >= maxStack) this.refuse(`${maxStack} places on the stack`);
    this.#stack.push(value);
  }

  /** Pushes a value that takes memory of its own. */
  create(value: CheckpointTree): void {
    this.#charge(1);
    this.push(value);
  }

  #charge(objects: number): void {
    this.#objects += objects;
    if (this.#objects > maxObjects) this.refuse(`${maxObjects} objects`);
  }

  top(): CheckpointTree {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.input.fail('an operand is missing');
    return this.#stack[this.#stack.length - 1];
  }

  pop(): CheckpointTree {
    const value = this.top();
    this.#stack.length--;
    return value;
  }

  /** The `count` topmost values, in order. */
  popMany(count: number): CheckpointTree[] {
    const height = this.#stack.length - count;
    if (height < (this.#marks.at(-1) ?? 0)) this.input.fail('an operand is missing');
    const values = this.#stack.slice(height);
    this.#stack.length = height;
    return values;
  }

  popPair(): [CheckpointTree, CheckpointTree] {
    const [first, second] = this.popMany(2);
    return [first, second];
  }

  mark(): void {
    if (this.#marks.length >= maxStack) this.refuse(`${maxStack} marks`);
    this.#marks.push(this.#stack.length);
  }

  /** Takes back a mark that nothing was put on, as POP does. */
  unmark(): boolean {
    if (this.#marks.at(-1) !== this.#stack.length) return false;
    this.#marks.pop();
    return true;
  }

  popToMark(): CheckpointTree[] {
    const height = this.#marks.pop() ?? this.input.fail('a mark is missing');
    const values = this.#stack.slice(height);
    this.#stack.length = height;
    return values;
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
    if (this.memo.size > maxMemo) this.refuse(`${maxMemo} remembered values`);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.input.fail(`value ${index} is used before it was stored`);
    this.push(value);
  }

  call(callable: CheckpointTree, args: CheckpointTree): void {
    if (hasKind(callable, 'global') && Array.isArray(args)) {
      const builtin = constructBuiltin(callable, args, this.#encode);
      if (builtin) this.#charge(sizeOfCopy(builtin));
      const known = builtin ?? this.options.construct?.(callable, args);
      if (known !== undefined) return this.create(known);
    }
    this.create(record(callable, args));
  }

  readonly #encode = (text: string): Uint8Array => {
    const bytes = this.#encoded.get(text) ?? latin1Bytes(text);
    this.#encoded.set(text, bytes);
    return bytes;
  };

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (hasKind(target, 'object')) target.state = state;
  }

  append(values: readonly CheckpointTree[]): void {
    const target = this.top();
    if (target instanceof Set) return values.forEach((v) => target.add(v));
    const list = Array.isArray(target) ? target : hasKind(target, 'object') ? (target.items ??= []) : undefined;
    if (!list) this.input.fail('items are appended to what is no list');
    for (const value of values) list.push(value);
  }

  setItems(values: readonly CheckpointTree[]): void {
    if (values.length % 2) this.input.fail('a key without a value');
    const target = this.top();
    const map = target instanceof Map ? target : hasKind(target, 'object') ? (target.entries ??= new Map()) : undefined;
    if (!map) this.input.fail('items are set in what is no dict');
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  }

  persistent(id: CheckpointTree): void {
    const resolve = this.options.persistent ?? (() => this.input.fail('a reference to data outside the pickle'));
    this.create(resolve(id));
  }
}

const record = (callable: CheckpointTree, args: CheckpointTree): TreeObject => ({
  kind: 'object',
  callable,
  args,
  state: null,
  items: null,
  entries: null,
});

/** Containers of Python itself. (Python 2 and low protocols write sets, bytes and plain objects as calls.) */
function constructBuiltin(
  { module, name }: TreeGlobal,
  args: CheckpointTree[],
  encode: (text: string) => Uint8Array,
): CheckpointTree | undefined {
  const [first] = args;
  const list = Array.isArray(first) ? first : [];
  switch (`${module}.${name}`.replace('__builtin__', 'builtins')) {
    case 'collections.OrderedDict':
    case 'builtins.dict':
      return new Map(list.filter((pair) => Array.isArray(pair)).map(([key = null, value = null]) => [key, value]));
    case 'builtins.set':
    case 'builtins.frozenset':
      return new Set(list);
    case 'builtins.list':
    case 'builtins.tuple':
      return [...list];
    case 'builtins.bytes':
    case 'builtins.bytearray':
    case '_codecs.encode':
      if (first instanceof Uint8Array || hasKind(first ?? null, 'bytes')) return first;
      return encode(typeof first === 'string' ? first : '');
    case 'copy_reg._reconstructor':
    case 'copyreg._reconstructor':
      return record(first ?? null, []);
    default:
      return undefined;
  }
}

/** A copy costs as many objects as it has items; a list can be given to many calls. */
const sizeOfCopy = (value: CheckpointTree): number =>
  value instanceof Map || value instanceof Set ? value.size : Array.isArray(value) ? value.length : 0;

function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
