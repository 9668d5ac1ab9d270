// The demo's mining: all networks of the zoo, over the samples of its generators.
// The mining itself is mining/mine.ts; this is what `rosetta mine --twins` does, for a given zoo.

import { generatedSource } from '../../images/generated.ts';
import { thumbnail } from '../../images/node/thumbnail.ts';
import type { Engine } from '../../runtime/engine.ts';
import { nodeFolder } from '../../runtime/node.ts';
import type { Generator } from '../../zoo/model.ts';
import type { Zoo } from './zoo.ts';
import { openModels } from '../models.ts';
import { defaultMemory } from '../options.ts';
import type { ProgressPrinter } from '../progress.ts';
import { putReady } from '../output/folder.ts';
import { makePage, mineInto, openRunFolder, runKind } from '../run-folder.ts';

export interface DemoMining {
  readonly zoo: Zoo;
  /** Folder of the run; an unfinished one goes on, a finished one is taken as it is. */
  readonly run: string;
  /** Of each generator. */
  readonly samples: number;
  readonly engine: Engine;
  readonly printer: ProgressPrinter;
  readonly signal: AbortSignal;
}

export async function demoMining(options: DemoMining): Promise<void> {
  const { zoo, run, samples, engine, printer, signal } = options;
  const folder = nodeFolder(run);
  await putReady(run, runKind);
  if (await folder.read('dictionary.json')) {
    if (!(await folder.read('index.html'))) await makePage(run);
    return;
  }
  const output = await openRunFolder(run);
  const models = await openModels(zoo.models, {}, printer);
  const generators = models.filter((model): model is Generator => model.kind === 'generator');
  await mineInto(output, {
    engine,
    models,
    images: generators.map((generator) => generatedSource(generator, { samples })),
    anchors: generators.map(({ name }) => name),
    twins: true,
    memory: defaultMemory(),
    thumbnails: thumbnail,
    onProgress: (progress) => printer.update(progress),
    onNote: (note) => printer.note(note),
    signal,
  });
}
