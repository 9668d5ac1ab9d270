// The demo's page as a file: reads what the run and the searches left, and writes index.html.
// How the page looks is report/demo/page.ts.

import { encodeImage } from '../../images/node/decode.ts';
import type { Dictionary } from '../../mining/run/dictionary.ts';
import { readExemplars } from '../../mining/run/read-exemplars.ts';
import { shownConcepts } from '../../report/demo/concepts.ts';
import { demoPage } from '../../report/demo/page.ts';
import type { SynthesisPage } from '../../report/synthesis/page.ts';
import { nodeFolder } from '../../files/node/folder.ts';
import type { Folder } from '../../files/folder.ts';
import type { DemoShow } from './shows.ts';

/** A show with what came of it. */
export interface FinishedShow extends DemoShow {
  readonly page?: SynthesisPage;
  /** Why nothing came of it. */
  readonly missing?: string;
}

/** @param run path of the run, which lies in the folder as `run`. */
export async function writeDemoPage(
  folder: Folder,
  run: string,
  dictionary: Dictionary,
  shows: readonly FinishedShow[],
): Promise<void> {
  const mined = nodeFolder(run);
  const exemplars = await readExemplars(mined, run, dictionary);
  const concepts = await shownConcepts(
    dictionary,
    exemplars,
    await mined.read('exemplars/maps.bin'),
    (file) => mined.read(`exemplars/${file}`),
    { pixels: (rgb, width, height) => encodeImage(rgb, width, height, 'png') },
  );
  const page = demoPage({
    dictionary,
    concepts,
    report: 'run/index.html',
    shows: shows.map((show) => ({ ...show, address: `${show.folder}/index.html` })),
  });
  await folder.write('index.html', [page]);
}
