// The library as a whole: what most scripts need. The rooms have entries of their own, e.g. `rosetta-neurons/graph`.

export { UserError } from './errors.ts';
export { program } from './program.ts';
export type { LongWork, Progress } from './progress.ts';
export { randomAt } from './random.ts';
export * from './graph/index.ts';
export * from './mining/index.ts';
export * from './runtime/index.ts';
