// The layers of a network as a tree of their names' parts, for the terminal.
// It decides nothing about layers: order and marks are given.

import type { Tap } from '../zoo/model.ts';

interface Branch {
  readonly part: string;
  layer?: Tap;
  readonly children: Map<string, Branch>;
}

/**
 * Rows: mark, name indented below its parents, units, size of the maps. Names are cut at '.' and '/'; parts that stand
 * alone on their way down are one row.
 */
export function layerTree(layers: readonly Tap[], tapped: ReadonlySet<string>): string[][] {
  const root: Branch = { part: '', children: new Map() };
  for (const layer of layers) {
    let branch = root;
    for (const part of layer.layer.split(/(?<=[./])/)) {
      const child: Branch = branch.children.get(part) ?? { part, children: new Map() };
      branch.children.set(part, child);
      branch = child;
    }
    branch.layer = layer;
  }
  joinNamesakes(root);
  return [...root.children.values()].flatMap((branch) => rows(branch, 0, tapped));
}

/** `layer1` (a layer) and `layer1.` (what is below it) are one branch. */
function joinNamesakes(branch: Branch): void {
  for (const [part, child] of branch.children) {
    const below = branch.children.get(`${part}.`) ?? branch.children.get(`${part}/`);
    if (child.layer && !child.children.size && below && below !== child) {
      below.layer ??= child.layer;
      branch.children.delete(part);
    }
  }
  for (const child of branch.children.values()) joinNamesakes(child);
}

function rows(branch: Branch, depth: number, tapped: ReadonlySet<string>): string[][] {
  let name = branch.part;
  while (!branch.layer && branch.children.size === 1) {
    branch = [...branch.children.values()][0];
    name += branch.part;
  }
  const { layer } = branch;
  const text = `${'  '.repeat(depth)}${name.replace(/[./]$/, '')}`;
  const own = layer
    ? [tapped.has(layer.layer) ? '*' : ' ', text, `${layer.channels} units`, `${layer.height}x${layer.width}`]
    : [' ', text, '', ''];
  return [own, ...[...branch.children.values()].flatMap((child) => rows(child, depth + 1, tapped))];
}
