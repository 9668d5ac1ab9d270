// The modules of a pickled network with their plain attributes: sizes, names and paddings that tensors cannot tell.
// Nothing in a pickle is run: attributes are read as they were stored.

import { UserError } from '../errors.ts';
import { numpyValue } from './pickle/numpy-values.ts';
import { childrenOf, hasKind, isNode, type CheckpointTree, type TreeNode, type TreeObject } from './tree.ts';
import type { Checkpoint } from './types.ts';

/** Plain data of a pickle. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

export interface PickledModule {
  /** Name of the module's class, e.g. `SynthesisLayer`; its source is not looked at. */
  readonly className: string;
  /** Attributes that are plain data; tensors, modules and anything else are left out. */
  readonly attributes: Readonly<Record<string, Plain>>;
}

type State = Map<CheckpointTree, CheckpointTree>;
type Module = TreeObject & { readonly state: State };

/** torch's own, which say nothing of the network. */
const internal = /^_(parameters|buffers|modules|non_persistent_buffers_set|is_full_backward_hook|.*hooks.*)$/s;

/** Values that are read of one network at most: far above any, far below what hurts. */
const maxValues = 1_000_000;
const maxDepth = 100;

/**
 * Every module of a pickled network by its path in the network ('' is the network itself), parents first. A module
 * that is reached by several paths has several entries.
 *
 * Attributes are numbers, texts, booleans, null, lists (of lists, tuples and sets) and objects (of dicts with texts or
 * numbers as keys). NumPy's scalars are numbers, its arrays of up to 4,096 elements flat lists in C order, whatever
 * their shape. What is none of these is left out: of a dict just that entry, of a list the list. torch's hooks are left out.
 * @param path where the network is in the checkpoint, as `networkPath` tells; '' is the checkpoint itself.
 * @returns undefined when there is no pickled module at the path, but a state dict, say.
 * @throws UserError for more modules or values than any network has.
 */
export function pickledModules(checkpoint: Checkpoint, path: string): Map<string, PickledModule> | undefined {
  const network = nodeAt(checkpoint.tree, path);
  if (!isModule(network)) return undefined;
  const modules = new Map<string, PickledModule>();
  const reader = new PlainReader(checkpoint.file);
  const open = new Set<TreeObject>();
  const visit = (module: Module, name: string): void => {
    if (open.has(module)) return; // a module inside itself
    reader.spend(1 + name.length / 16);
    if (open.size >= maxDepth) reader.refuse(`modules nested more than ${maxDepth} deep`);
    open.add(module);
    const { callable, state } = module;
    const className = hasKind(callable, 'global') ? callable.name : '';
    modules.set(name, { className, attributes: reader.attributes(state) });
    const children = state.get('_modules');
    for (const [key, child] of isNode(children) ? childrenOf(children) : []) {
      if (isModule(child)) visit(child, name === '' ? key : `${name}.${key}`);
    }
    open.delete(module);
  };
  visit(network, '');
  return modules;
}

const isModule = (value: CheckpointTree | undefined): value is Module =>
  hasKind(value, 'object') && value.state instanceof Map && value.state.get('_modules') instanceof Map;

function nodeAt(tree: CheckpointTree, path: string): CheckpointTree | undefined {
  let node: CheckpointTree | undefined = tree;
  for (const key of path === '' ? [] : path.split('.')) {
    if (!isNode(node)) return undefined;
    node = new Map(childrenOf(node)).get(key);
  }
  return node;
}

/** Reads trees as plain data, within bounds. */
class PlainReader {
  readonly #file: string;
  readonly #open = new Set<TreeNode>();
  #values = 0;

  constructor(file: string) {
    this.#file = file;
  }

  refuse(what: string): never {
    throw new UserError(`${this.#file}: its network has ${what}. No ordinary network has, so it was not read.`);
  }

  spend(values: number): void {
    this.#values += values;
    if (this.#values > maxValues) this.refuse(`more than ${maxValues} modules and values`);
  }

  attributes(state: State): Record<string, Plain> {
    const own = [...state].filter(([key]) => !(typeof key === 'string' && internal.test(key)));
    return this.#dict(own);
  }

  /** undefined for what is not plain. */
  #read(value: CheckpointTree): Plain | undefined {
    this.spend(1);
    if (typeof value === 'bigint') return undefined;
    if (!isNode(value)) return value;
    // What contains itself, or is deeper than any setting, is no plain data.
    if (this.#open.has(value) || this.#open.size >= maxDepth) return undefined;
    this.#open.add(value);
    const plain = this.#container(value);
    this.#open.delete(value);
    return plain;
  }

  #container(node: TreeNode): Plain | undefined {
    if (Array.isArray(node) || node instanceof Set) return this.#list(node);
    if (node instanceof Map) return this.#dict(node);
    if (!hasKind(node, 'object')) return undefined;
    // A subclass of dict, such as EasyDict.
    if (node.entries) return this.#dict(node.entries);
    const found = numpyValue(node);
    if (Array.isArray(found)) this.spend(found.length);
    return found;
  }

  #list(items: Iterable<CheckpointTree>): Plain[] | undefined {
    const list: Plain[] = [];
    for (const item of items) {
      const plain = this.#read(item);
      if (plain === undefined) return undefined;
      list.push(plain);
    }
    return list;
  }

  #dict(entries: Iterable<[CheckpointTree, CheckpointTree]>): Record<string, Plain> {
    const plain: [string, Plain][] = [];
    for (const [key, item] of entries) {
      if (typeof key !== 'string' && typeof key !== 'number') continue;
      const value = this.#read(item);
      if (value !== undefined) plain.push([String(key), value]);
    }
    return Object.fromEntries(plain); // makes a key `__proto__` a mere entry
  }
}
