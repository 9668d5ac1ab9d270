// The content of a torch checkpoint as inert plain data, and the way from it to named tensors.
// It is not Python: nothing in a tree can run, and classes are only names.

import { UserError } from '../errors.ts';
import type { DType } from '../graph/tensor.ts';

/** A Python class or function, by name only. */
export interface TreeGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
}

/** What Python would have made by calling `callable(...args)` and giving it `state` and content. Nothing was called. */
export interface TreeObject {
  readonly kind: 'object';
  readonly callable: CheckpointTree;
  readonly args: CheckpointTree;
  /** Usually the attributes, a Map by name; null when none were stored. */
  state: CheckpointTree;
  /** Content of a subclass of list or set; null when there is none. */
  items: CheckpointTree[] | null;
  /** Content of a subclass of dict; null when there is none. */
  entries: Map<CheckpointTree, CheckpointTree> | null;
}

/** A long byte string that was left in the file: where it is, in bytes of the source, and how it begins. */
export interface TreeBytes {
  readonly kind: 'bytes';
  readonly start: number;
  readonly size: number;
  readonly head: Uint8Array;
}

/** A block of memory that tensors are views of. Legacy files store views of storages: `viewStart` is 0 elsewhere. */
export interface TreeStorage {
  readonly kind: 'storage';
  /** torch's class name, e.g. `FloatStorage`. */
  readonly type: string;
  /** Element type of that class; undefined when this project has none for it. */
  readonly dtype: DType | undefined;
  readonly key: string;
  /** Bytes of one element, and elements of the whole storage. */
  readonly elementBytes: number;
  readonly count: number;
  /** First element and number of elements of the part that this reference sees. */
  readonly viewStart: number;
  readonly viewCount: number;
}

/** A tensor's place in its storage. `offset` and `strides` count elements of `dtype` from the storage's view. */
export interface TreeTensor {
  readonly kind: 'tensor';
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: TreeStorage;
}

/**
 * Python's None is null, int is number (bigint beyond 2^53), list and tuple are arrays, dict is Map, set is Set,
 * bytes are Uint8Array, or TreeBytes when they are long. Attributes set on a dict (`_metadata` of a state dict) are dropped. May contain cycles.
 */
export type CheckpointTree =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CheckpointTree[]
  | Map<CheckpointTree, CheckpointTree>
  | Set<CheckpointTree>
  | TreeGlobal
  | TreeObject
  | TreeBytes
  | TreeStorage
  | TreeTensor;

export type TreeNode = Extract<CheckpointTree, object>;

/** Whether a value is an object of this kind. */
export const hasKind = <K extends 'global' | 'object' | 'bytes' | 'storage' | 'tensor'>(
  value: CheckpointTree | undefined,
  kind: K,
): value is Extract<CheckpointTree, { kind: K }> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

// Bounds on what a file can make us do: far above any real checkpoint, far below what hurts.
const maxDepth = 1000;
const maxSteps = 20_000_000;
const maxNameCharacters = 32_000_000;

export const isNode = (value: CheckpointTree | undefined): value is TreeNode =>
  typeof value === 'object' && value !== null;

/** The children that can hold tensors, with the key each has in a tensor's name. */
export function* childrenOf(node: TreeNode): Generator<[string, TreeNode]> {
  if (Array.isArray(node) || node instanceof Set) {
    let index = 0;
    for (const value of node) {
      if (isNode(value)) yield [String(index), value];
      index++;
    }
  } else if (node instanceof Map) {
    let index = 0;
    for (const [key, value] of node) {
      if (isNode(value)) yield [isNode(key) ? `#${index}` : String(key), value];
      index++;
    }
  } else if (hasKind(node, 'object')) {
    if (node.items) yield* childrenOf(node.items);
    if (node.entries) yield* childrenOf(node.entries);
    if (isNode(node.state)) yield* attributesOf(node.state);
  }
}

/** A pickled torch module keeps its tensors in three dicts that its state_dict does not mention: look through them. */
function* attributesOf(state: TreeNode): Generator<[string, TreeNode]> {
  for (const [key, value] of childrenOf(state)) {
    const inner = ['_parameters', '_buffers', '_modules'].includes(key) && value instanceof Map;
    if (inner) yield* childrenOf(value);
    else yield [key, value];
  }
}

const sizeOfNode = (node: TreeNode): number =>
  Array.isArray(node) ? node.length : node instanceof Map || node instanceof Set ? node.size : 1;

/**
 * Every tensor of a tree by its key path joined with '.', in file order; `tensor` when the tree is one.
 * An object that is reached by several paths is named by each; a path stops where it meets itself.
 * @throws UserError for a tree that is deeper or larger than any checkpoint, or names two tensors alike.
 */
export function namedTensors(tree: CheckpointTree, file: string): Map<string, TreeTensor> {
  const found = new Map<string, TreeTensor>();
  const barren = new Set<TreeNode>(); // no tensor below: one visit is enough
  const path = new Set<TreeNode>();
  const stack: { node: TreeNode; prefix: string; children: Generator<[string, TreeNode]>; bears: boolean }[] = [];
  let steps = 0;
  let characters = 0;

  const refuse = (what: string): never => {
    throw new UserError(`${file}: its objects are ${what}. No ordinary checkpoint is, so it was not read.`);
  };
  const visit = (node: TreeNode, name: string): void => {
    if (hasKind(node, 'tensor')) {
      characters += name.length + 64;
      if (characters > maxNameCharacters) refuse('too many tensors, or share them too often');
      if (found.has(name)) {
        throw new UserError(`${file}: two different entries are both called ${name}, so neither can be told.`);
      }
      found.set(name, node);
      for (let i = stack.length - 1; i >= 0 && !stack[i].bears; i--) stack[i].bears = true;
      return;
    }
    if (path.has(node) || barren.has(node)) return;
    if (stack.length >= maxDepth) refuse(`nested more than ${maxDepth} deep`);
    if ((steps += sizeOfNode(node)) > maxSteps) refuse('too many, or refer to each other too often');
    path.add(node);
    stack.push({ node, prefix: name === '' ? '' : `${name}.`, children: childrenOf(node), bears: false });
  };

  if (isNode(tree)) visit(tree, hasKind(tree, 'tensor') ? 'tensor' : '');
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const next = frame.children.next();
    if (!next.done) {
      visit(next.value[1], frame.prefix + next.value[0]);
    } else {
      stack.pop();
      path.delete(frame.node);
      if (!frame.bears) barren.add(frame.node);
    }
  }
  return found;
}
