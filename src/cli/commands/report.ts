// `rosetta report`: makes the page of a finished run anew.

import { Command } from 'commander';
import { basename, dirname, join, resolve } from 'node:path';
import { nodeFolder } from '../../files/node/folder.ts';
import { shared } from '../options.ts';
import { expectFile, pageMark } from '../output/check.ts';
import { writeReport } from '../run-folder.ts';
import { printJson, printLines } from '../terminal.ts';

export function reportCommand(): Command {
  return new Command('report')
    .description('rebuild the page of a finished run')
    .argument('<run>', 'folder of the run')
    .option('-o, --out <file>', 'file of the page (default: index.html in the run)')
    .addOption(shared.json())
    .action(async (run: string, options: { out?: string; json?: boolean }) => {
      const file = options.out ?? join(run, 'index.html');
      await expectFile(file, { mark: pageMark, example: 'index.html' });
      await writeReport(run, { folder: nodeFolder(dirname(resolve(file))), name: basename(file) });
      if (options.json) printJson({ page: file });
      else printLines(file);
    });
}
