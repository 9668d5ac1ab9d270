// Changes of a graph as a whole: cut out a part, tap values, put two graphs together, rename values.
// Building from nothing is builder.ts; every function here returns a new graph that shares its tensors with the old one.

import { UserError } from '../errors.ts';
import { differ, formatShape } from './dims.ts';
import type { Graph, ValueInfo } from './graph.ts';
import { inferShapes, inferValues } from './infer.ts';
import { neededFor, pruneGraph } from './prune.ts';
import { renameGraph } from './rename.ts';
import { upgradeGraph } from './upgrade.ts';

/** Looks values of a graph up by name, with what is recorded or can be inferred of them. */
function valuesOf(graph: Graph): (name: string) => ValueInfo {
  const recorded = new Map([
    ...graph.values,
    ...[...graph.inputs, ...graph.outputs].map((info) => [info.name, info] as const),
  ]);
  const made = new Set([
    ...recorded.keys(),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  let inferred: ReturnType<typeof inferValues> | undefined;
  return (name) => {
    if (!made.has(name) || name === '') {
      throw new UserError(
        `The graph "${graph.name}" has no value "${name}"; listLayers names those that can be tapped.`,
      );
    }
    const info = recorded.get(name);
    if (info) return info;
    inferred ??= inferValues(graph);
    const { dtype, shape } = inferred.get(name) ?? {};
    if (dtype) return { name, dtype, ...(shape && { shape }) };
    throw new UserError(
      `The element type of "${name}" in the graph "${graph.name}" cannot be told: its operator is not known.`,
    );
  };
}

/**
 * The part of a graph that computes `outputs` from `inputs`, which may be any values of it.
 * @throws UserError when a value is missing, or an output also needs a graph input that is not among `inputs`.
 */
export function extractSubgraph(graph: Graph, inputs: readonly string[], outputs: readonly string[]): Graph {
  const info = valuesOf(graph);
  const given = new Set(inputs);
  const { nodes, read } = neededFor(graph.nodes, outputs, given);
  const missing = graph.inputs.find(({ name }) => read.has(name) && !given.has(name));
  if (missing) {
    throw new UserError(
      `The outputs ${outputs.join(', ')} of the graph "${graph.name}" also need its input "${missing.name}", ` +
        `which is not among the inputs of the part: ${inputs.join(', ')}.`,
    );
  }
  const clash = nodes.flatMap((node) => node.outputs).find((name) => given.has(name));
  if (clash)
    throw new UserError(
      `"${clash}" cannot be an input of the part: the node that makes it is needed for another output.`,
    );
  return pruneGraph({
    ...graph,
    inputs: inputs.map(info),
    outputs: outputs.map(info),
    nodes,
    initializers: new Map([...graph.initializers].filter(([name]) => !given.has(name))),
  });
}

/**
 * The graph with further values as outputs, after those it has; names that are outputs already are skipped.
 * @throws UserError naming a value that is missing.
 */
export function addOutputs(graph: Graph, names: readonly string[]): Graph {
  const info = valuesOf(graph);
  const present = new Set(graph.outputs.map((output) => output.name));
  return {
    ...graph,
    outputs: [...graph.outputs, ...[...new Set(names)].filter((name) => !present.has(name)).map(info)],
  };
}

/**
 * Two graphs as one: inputs of the second are fed by outputs of the first. The result has the outputs of both, and the
 * inputs of the first before those inputs of the second that stay open. The older operator set is upgraded.
 * @param connections for each input of the second that is fed, the output of the first.
 * @param prefixes put before all value and node names of the first and the second; inputs and outputs too.
 * @throws UserError when a name is missing or used twice, or types and shapes do not fit.
 */
export function joinGraphs(
  first: Graph,
  second: Graph,
  connections: Readonly<Record<string, string>>,
  prefixes: readonly [string, string] = ['', ''],
): Graph {
  const opset = Math.max(first.opset, second.opset);
  const fed = new Map<string, string>();
  for (const [input, output] of Object.entries(connections)) {
    const target = second.inputs.find((info) => info.name === input);
    const source = first.outputs.find((info) => info.name === output);
    if (!target) throw new UserError(`The graph "${second.name}" has no input "${input}".`);
    if (!source) throw new UserError(`The graph "${first.name}" has no output "${output}".`);
    const { shape } = target;
    const given = source.shape;
    const fits = !shape || !given || (shape.length === given.length && !shape.some((d, i) => differ(d, given[i])));
    if (source.dtype !== target.dtype || !fits) {
      throw new UserError(
        `"${output}" of the graph "${first.name}" is ${source.dtype} ${formatShape(source.shape)}, but "${input}" of ` +
          `"${second.name}" takes ${target.dtype} ${formatShape(shape)}.`,
      );
    }
    fed.set(input, prefixes[0] + output);
  }
  const a = prefixed(upgradeGraph(first, opset), prefixes[0]);
  const b = prefixed(upgradeGraph(second, opset), prefixes[1], fed, new Set(madeIn(a)));
  const open = b.inputs.filter((_, i) => !fed.has(second.inputs[i].name));
  expectDistinct(a, b, open);
  for (const [domain, version] of Object.entries(second.domains ?? {})) {
    const other = first.domains?.[domain] ?? version;
    if (other !== version)
      throw new UserError(`The graphs use the versions ${other} and ${version} of the operators "${domain}".`);
  }
  const joined: Graph = {
    ...a,
    name: `${first.name}-${second.name}`,
    inputs: [...a.inputs, ...open],
    outputs: [...a.outputs, ...b.outputs.filter((info) => !a.outputs.some((other) => other.name === info.name))],
    nodes: [...a.nodes, ...b.nodes],
    initializers: new Map([...a.initializers, ...b.initializers]),
    values: new Map([...a.values, ...b.values]),
    domains: { ...a.domains, ...b.domains },
    metadata: { ...b.metadata, ...a.metadata },
  };
  return inferShapes(joined);
}

/** @param taken names of the other graph, to which those that a builder made up give way. */
function prefixed(
  graph: Graph,
  prefix: string,
  fixed: ReadonlyMap<string, string> = new Map(),
  taken: ReadonlySet<string> = new Set(),
): Graph {
  const own = new Set(madeIn(graph));
  const names = new Map(fixed);
  for (const name of own) {
    let next = prefix + name;
    const stem = next.slice(0, next.lastIndexOf('#'));
    for (let count = 1; name.includes('#') && (taken.has(next) || (next !== prefix + name && own.has(next))); count++) {
      next = `${stem}#${count}`;
    }
    if (!fixed.has(name)) names.set(name, next);
  }
  const renamed = renameGraph(graph, (name) => names.get(name) ?? prefix + name);
  return { ...renamed, nodes: renamed.nodes.map((node) => ({ ...node, name: node.name && prefix + node.name })) };
}

/** Names of all values of a graph. */
const madeIn = (graph: Graph, inputs = graph.inputs): string[] => [
  ...inputs.map((info) => info.name),
  ...graph.initializers.keys(),
  ...graph.nodes.flatMap((node) => node.outputs),
];

function expectDistinct(a: Graph, b: Graph, open: readonly ValueInfo[]): void {
  const names = new Set(madeIn(a));
  const clash = madeIn(b, open).find((name) => name !== '' && names.has(name));
  if (clash !== undefined) {
    throw new UserError(
      `Both graphs have a value "${clash}"; give \`prefixes\`, such as ["${a.name}/", "${b.name}/"].`,
    );
  }
}

/**
 * The graph with values renamed.
 * @param names new names by old ones.
 * @throws UserError when an old name is missing or a new one is taken.
 */
export function renameValues(graph: Graph, names: Readonly<Record<string, string>>): Graph {
  const map = new Map(Object.entries(names));
  const all = new Set([
    ...graph.inputs.map((i) => i.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]);
  for (const name of map.keys()) {
    if (!all.has(name)) throw new UserError(`The graph "${graph.name}" has no value "${name}" to rename.`);
  }
  const after = new Set<string>();
  for (const name of all) {
    const next = map.get(name) ?? name;
    if (name !== '' && (next === '' || after.has(next))) {
      throw new UserError(
        `"${name}" cannot be renamed to "${next}": the graph "${graph.name}" has a value of that name.`,
      );
    }
    after.add(next);
  }
  return renameGraph(graph, (name) => map.get(name) ?? name);
}
