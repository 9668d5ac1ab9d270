// One target in a process of its own: runs its campaign and tells the process that started it how it goes.
// Before each input it writes it to a file, so that the input is known when this process does not live to tell.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { campaign, type Figures } from './campaign.ts';
import { targets } from './targets/index.ts';
import { latestInput, type Job, type Report } from './watch.ts';

const interval = 1000;

async function work({ target, folder, ...options }: Job): Promise<void> {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  const prepared = await targets.find(({ name }) => name === target)!.prepare(scratch);
  let told = 0;
  const onInput = (input: Uint8Array, figures: Figures): void => {
    writeFileSync(join(folder, latestInput), input);
    if (Date.now() < told + interval) return;
    told = Date.now();
    tell({ figures: { ...figures } });
  };
  const { failures, ...figures } = await campaign(prepared, { ...options, onInput });
  tell({ figures, failures });
  process.disconnect();
}

const tell = (report: Report): void => void process.send!(report);

process.once('message', (job: Job) => void work(job));
