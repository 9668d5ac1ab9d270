// A graph in the making: inputs, constants, operators by name, other graphs, outputs. Shapes are checked at every step.
// The short methods for single operators (conv, relu, ...) are in builder.ts.

import { UserError } from '../errors.ts';
import { required } from '../lookup.ts';
import { differ, formatShape, isStatic } from './dims.ts';
import type { Attribute, Graph, Node, ValueInfo } from './graph.ts';
import { inferOutputs } from './infer.ts';
import { knownOf } from './operators/index.ts';
import type { Known } from './operators/index.ts';
import { pruneGraph } from './prune.ts';
import { renameNode } from './rename.ts';
import { sizeOf, toBytes } from './tensor.ts';
import type { DType, Tensor } from './tensor.ts';
import { upgradeGraph } from './upgrade.ts';

/** A value of a graph in the making: a handle to pass on. Its shape is fully known. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Constants of so many elements are compared, to keep one of equal ones. */
const shareable = 16;

export class GraphAssembly {
  readonly name: string;
  readonly opset: number;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs = new Map<string, ValueInfo>();
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #known = new Map<string, Known>();
  /** Constants without a name of their own, by tensor and by content. */
  readonly #shared = new Map<Tensor | string, string>();
  readonly #counters = new Map<string, number>();
  #domains: Record<string, number> = {};

  /** @param options.opset version of ONNX's operator set, 18 or later (default 20). */
  constructor(options: { name?: string; opset?: number } = {}) {
    this.name = options.name ?? 'graph';
    this.opset = options.opset ?? 20;
    if (this.opset < 18) throw new RangeError(`Graphs are built for operator set 18 or later, not ${this.opset}`);
  }

  /** A graph input of fixed shape, float32 unless said otherwise. */
  input(name: string, shape: readonly number[], dtype: DType = 'float32'): Value {
    this.#claim(name);
    this.#inputs.push({ name, dtype, shape });
    return this.#define(name, { dtype, shape });
  }

  /** A weight or constant. Without a name, the same tensor and small equal ones are stored once. */
  constant(tensor: Tensor, name?: string): Value {
    const content =
      sizeOf(tensor.shape) <= shareable ? `${tensor.dtype}[${tensor.shape.join()}]${toBytes(tensor).join()}` : tensor;
    const existing = name === undefined && (this.#shared.get(tensor) ?? this.#shared.get(content));
    if (existing) return this.value(existing);
    const chosen = name === undefined ? this.#invent('const') : this.#claim(name);
    this.#initializers.set(chosen, tensor);
    if (name === undefined) this.#shared.set(content, chosen);
    if (!this.#shared.has(tensor)) this.#shared.set(tensor, chosen);
    return this.#define(chosen, knownOf(tensor));
  }

  /**
   * Any operator of ONNX's own set.
   * @param inputs `undefined` leaves an optional one out.
   * @param options.name name of the first output and of the node; further outputs are called `name:1`, `name:2`, ...
   * @param options.outputs number of outputs, 1 by default.
   * @throws UserError naming the node and the operator when the inputs do not fit.
   */
  op(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: { name?: string; outputs?: number } = {},
  ): Value[] {
    const name = options.name === undefined ? this.#invent(op) : this.#claim(options.name);
    const outputs = [name];
    for (let i = 1; i < (options.outputs ?? 1); i++) outputs.push(this.#claim(`${name}:${i}`));
    const names = inputs.map((input) => (input ? this.value(input.name).name : ''));
    while (names.at(-1) === '') names.pop();
    this.#append({ op, name, inputs: names, outputs, attributes });
    return outputs.map((output) => this.value(output));
  }

  /**
   * Inserts another graph, its values renamed with the prefix and its weights shared, not copied.
   * Older operator sets are upgraded. Shapes are inferred anew from the bound inputs.
   * @param inputs a value of this graph for each input of the other.
   * @returns values of the other graph's outputs, by their names there.
   * @throws UserError when inputs are missing or do not fit, names clash, or an output's shape cannot be known.
   */
  inline(graph: Graph, inputs: Readonly<Record<string, Value>>, prefix = ''): Record<string, Value> {
    if (graph.opset > this.opset) {
      throw new UserError(
        `The graph "${graph.name}" uses operator set ${graph.opset}, newer than ${this.opset} of "${this.name}", into ` +
          `which it is inserted; build the latter with \`opset: ${graph.opset}\`.`,
      );
    }
    const names = new Map<string, string>();
    for (const info of graph.inputs) {
      const value = Object.hasOwn(inputs, info.name) ? inputs[info.name] : undefined;
      if (!value) throw new UserError(`The input "${info.name}" of the graph "${graph.name}" is bound to no value.`);
      checkBinding(graph, info, value);
      names.set(info.name, this.value(value.name).name);
    }
    for (const name of Object.keys(inputs)) {
      if (!names.has(name)) {
        const list = graph.inputs.map((info) => info.name).join(', ');
        throw new UserError(`The graph "${graph.name}" has no input "${name}"; its inputs are: ${list}.`);
      }
    }
    for (const [domain, version] of Object.entries(graph.domains ?? {})) {
      if ((this.#domains[domain] ?? version) !== version) {
        throw new UserError(
          `"${graph.name}" needs version ${version} of the operators "${domain}", not ${this.#domains[domain]}.`,
        );
      }
      this.#domains = { ...this.#domains, [domain]: version };
    }
    const upgraded = upgradeGraph(graph, this.opset);
    for (const [name, tensor] of upgraded.initializers) {
      const existing = this.#shared.get(tensor);
      names.set(name, existing ?? this.#adopt(prefix + name));
      if (existing === undefined) {
        this.#initializers.set(required(names, name, 'name'), tensor);
        this.#shared.set(tensor, required(names, name, 'name'));
        this.#known.set(required(names, name, 'name'), knownOf(tensor));
      }
    }
    const rename = (name: string) => names.get(name) ?? prefix + name;
    for (const node of upgraded.nodes) {
      for (const output of node.outputs) if (output) names.set(output, this.#adopt(prefix + output));
      this.#append({ ...renameNode(node, rename), name: node.name && prefix + node.name });
    }
    return Object.fromEntries(graph.outputs.map(({ name }) => [name, this.value(rename(name))]));
  }

  /**
   * A value by its name, for those that `inline` brought.
   * @throws UserError when there is none, or its type and shape are not fully known.
   */
  value(name: string): Value {
    const known = this.#known.get(name);
    if (!known) throw new UserError(`The graph "${this.name}" has no value "${name}".`);
    const { dtype, shape } = known;
    if (!dtype || !isStatic(shape)) {
      throw new UserError(
        `Shape and type of "${name}" in the graph "${this.name}" cannot be told before running: ` +
          `${dtype ?? 'unknown type'} ${formatShape(shape)}.`,
      );
    }
    return { name, dtype, shape };
  }

  /** The nodes so far, in topological order. */
  get made(): readonly Node[] {
    return this.#nodes;
  }

  /** What is known of a value before anything runs: small constants with their elements; `{}` of one without a name here. */
  knownOf(name: string): Known {
    return this.#known.get(name) ?? {};
  }

  /** The tensor behind a constant; undefined for a value that is computed or fed. */
  tensorOf(value: Value): Tensor | undefined {
    return this.#initializers.get(value.name);
  }

  /** Makes a value an output of the graph, by another name if one is given. */
  output(value: Value, name = value.name): void {
    const source = this.value(value.name);
    if (name === source.name) this.#outputs.set(name, source);
    else this.#outputs.set(name, this.op('Identity', [source], {}, { name })[0]);
  }

  /** The graph, without nodes and constants that no output needs. */
  build(): Graph {
    if (this.#outputs.size === 0) throw new Error(`The graph "${this.name}" has no output; declare one with output()`);
    const values = new Map<string, ValueInfo>();
    for (const node of this.#nodes) {
      for (const name of node.outputs) {
        const { dtype, shape } = this.#known.get(name) ?? {};
        if (dtype) values.set(name, { name, dtype, ...(shape && { shape }) });
      }
    }
    return pruneGraph({
      name: this.name,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs.values()],
      nodes: [...this.#nodes],
      initializers: new Map(this.#initializers),
      values,
      opset: this.opset,
      ...(Object.keys(this.#domains).length > 0 && { domains: this.#domains }),
    });
  }

  #append(node: Node): void {
    const outputs = inferOutputs(node, this.#known, this.opset);
    this.#nodes.push(node);
    node.outputs.forEach((name, i) => name && this.#known.set(name, outputs[i]));
  }

  #define(name: string, known: Known): Value {
    this.#known.set(name, known);
    return this.value(name);
  }

  /** Reserves a name that must be free. */
  #claim(name: string): string {
    if (name === '') throw new Error('A value needs a name; leave it out to have one made');
    if (this.#known.has(name)) throw new UserError(`The graph "${this.name}" already has a value named "${name}".`);
    this.#known.set(name, {});
    return name;
  }

  /** A free name that tells what it names. The number sign keeps it apart from names that people choose. */
  #invent(stem: string): string {
    let name;
    do {
      const count = (this.#counters.get(stem) ?? 0) + 1;
      this.#counters.set(stem, count);
      name = `${stem}#${count}`;
    } while (this.#known.has(name));
    return this.#claim(name);
  }

  /** Reserves a name of an inserted graph; one that was made up there is made up anew where it clashes. */
  #adopt(name: string): string {
    const made = name.lastIndexOf('#');
    return made > 0 && this.#known.has(name) ? this.#invent(name.slice(0, made)) : this.#claim(name);
  }
}

function checkBinding(graph: Graph, { name, dtype, shape }: ValueInfo, value: Value): void {
  const fits = !shape || (shape.length === value.shape.length && shape.every((dim, i) => !differ(dim, value.shape[i])));
  if (dtype === value.dtype && fits) return;
  throw new UserError(
    `The input "${name}" of the graph "${graph.name}" takes ${dtype} ${formatShape(shape)}, but "${value.name}" is ` +
      `${value.dtype} ${formatShape(value.shape)}.`,
  );
}
