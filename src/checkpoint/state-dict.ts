// Finds the network's own tensors in a checkpoint that wraps them in training state and prefixes.
// It does not know architectures: the names it returns are for the zoo to recognise.

import { UserError } from '../errors.ts';
import { required } from '../lookup.ts';
import type { TensorRef } from '../files/tensor-ref.ts';
import type { Checkpoint } from './types.ts';
import { childrenOf, hasKind } from './tree.ts';

/** Keys under which training scripts keep a network, best first: averaged weights before raw, the teacher before the student. */
const wrappers = [
  'G_ema',
  'g_ema',
  'teacher',
  'model_ema',
  'state_dict',
  'model_state_dict',
  'model',
  'module',
  'student',
];

/** Left by DataParallel, torch.compile, and self-supervised training around a backbone. */
const prefixes = ['module.', '_orig_mod.', 'backbone.'];

/** Fraction of the names that must carry a prefix for it to be one: DINO's teacher has a head beside its backbone. */
const most = 0.75;

/**
 * The tensors of the network in a checkpoint, by the names they have in the network.
 *
 * 1. Where: at `options.path` (a key path as in `checkpoint.tensors`, e.g. `teacher` or `generator.ema`) if given.
 *    Otherwise, as long as the objects are a dict with one of the keys G_ema, g_ema, teacher, model_ema, state_dict,
 *    model_state_dict, model, module, student that holds tensors, go there; the first of this list wins.
 * 2. Names: as long as at least three quarters of them begin with `module.`, `_orig_mod.` or `backbone.`, that prefix is
 *    taken off, and the tensors without it, which are not the network's, are left out.
 *
 * @throws UserError when there are no tensors there; the message lists where there are some.
 */
export function stateDict(checkpoint: Checkpoint, options: { path?: string } = {}): Map<string, TensorRef> {
  const path = options.path ?? networkPath(checkpoint);
  const start = path === '' ? '' : `${path}.`;
  let tensors = new Map<string, TensorRef>();
  for (const [name, ref] of checkpoint.tensors) if (name.startsWith(start)) tensors.set(name.slice(start.length), ref);
  if (tensors.size === 0) throw new UserError(noTensors(checkpoint, path));
  for (;;) {
    const names = [...tensors.keys()];
    const prefix = prefixes.find((p) => names.filter((name) => name.startsWith(p)).length >= most * names.length);
    if (prefix === undefined) break;
    tensors = new Map(
      [...tensors].flatMap(([n, ref]) => (n.startsWith(prefix) ? [[n.slice(prefix.length), ref]] : [])),
    );
  }
  return tensors;
}

/**
 * The key path at which `stateDict` looks for the network: '' for the whole checkpoint.
 * It follows wrapper keys down the tree of objects; flat names that merely begin like one are not wrappers.
 */
export function networkPath({ tree, tensors }: Checkpoint): string {
  const names = [...tensors.keys()];
  let node = tree;
  let path = '';
  while (node instanceof Map) {
    const children = new Map(childrenOf(node));
    const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
    const holdsTensors = (key: string): boolean => {
      const child = children.get(key);
      return child !== undefined && !hasKind(child, 'tensor') && names.some((name) => name.startsWith(`${at(key)}.`));
    };
    const key = wrappers.find(holdsTensors);
    if (key === undefined) break;
    node = required(children, key, 'entry');
    path = at(key);
  }
  return path;
}

function noTensors({ file, tensors }: Checkpoint, path: string): string {
  if (tensors.size === 0) return `${file} has no tensors in it. A checkpoint with weights is expected.`;
  const groups = [...new Set([...tensors.keys()].map((name) => name.split('.')[0]))];
  const shown = groups.slice(0, 12).join(', ') + (groups.length > 12 ? ', ...' : '');
  return `${file} has no tensors at ${path}. There are some at: ${shown}. Name one of these, or leave the path out.`;
}
