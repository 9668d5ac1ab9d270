// `rosetta zoo`: the models on this machine and the published ones: list, show, pull, add, remove.
// What it does with them is the store's.

import { Command, InvalidArgumentError } from 'commander';
import { cacheFolder, mirrored, ModelStore, type StoredModel } from '../../zoo/store/node/store.ts';
import { officialCard } from '../../zoo/store/official/model.ts';
import { interruptible } from '../interruptible.ts';
import { formatBytes, shared } from '../options.ts';
import { ProgressPrinter } from '../progress.ts';
import { complain, printLines } from '../terminal.ts';

interface StoreOptions {
  cache?: string;
}

interface PullOptions extends StoreOptions {
  mirror?: string;
  stall: number;
  quiet?: boolean;
}

export function zooCommand(): Command {
  const zoo = new Command('zoo').description('list and download published models; name files of your own');
  zoo
    .command('list')
    .description('all models, and which are here')
    .addOption(shared.cache())
    .addOption(shared.json())
    .action(async ({ cache, json }: StoreOptions & { json?: boolean }) => {
      const models = await openStore(cache).list();
      print(json ? JSON.stringify(models.map(described), null, 2) : [...table(models), `in ${cacheFolder(cache)}`]);
    });
  zoo
    .command('show')
    .description('everything about a model')
    .argument('<name>')
    .addOption(shared.cache())
    .addOption(shared.json())
    .action(async (name: string, { cache, json }: StoreOptions & { json?: boolean }) => {
      const model = await openStore(cache).show(name);
      print(json ? JSON.stringify(described(model), null, 2) : details(model));
    });
  zoo
    .command('pull')
    .description('download published models; an interrupted download goes on')
    .argument('<names...>')
    .addOption(shared.cache())
    .option(
      '--mirror <url>',
      'where to ask instead of the official hosts; the path of the official address is put behind it',
      parseMirror,
    )
    .option(
      '--stall <seconds>',
      'how long nothing, or less than 1 KiB/s, may arrive before the connection is made anew',
      parseSeconds,
      30,
    )
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      '\nHTTP and HTTPS proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.\n' +
        'With --mirror https://mirror.example/models, https://host/a/b.pth is asked for at https://mirror.example/models/a/b.pth.',
    )
    .action(pull);
  zoo
    .command('add')
    .description('give a file of your own a name; it stays where it is')
    .argument('<name>', 'a new name, or that of a published model: then the file is checked')
    .argument('<file>', 'a checkpoint, a model card, or an .onnx file')
    .addOption(shared.cache())
    .action(async (name: string, file: string, { cache }: StoreOptions) => {
      const model = await interruptible((signal) => openStore(cache).add(name, file, { signal, onWait: complain }), {
        message: 'interrupted; nothing was added',
      });
      print([`${name}: ${model.file}, SHA-256 ${model.sha256}`]);
    });
  zoo
    .command('remove')
    .description('remove what was downloaded, or forget a file of your own, which stays where it is')
    .argument('<name>')
    .addOption(shared.cache())
    .action(async (name: string, { cache }: StoreOptions) => {
      const { state, file } = await openStore(cache).remove(name, { onWait: complain });
      print([state === 'added' ? `${name} is forgotten; ${file} stays` : `${name} is removed`]);
    });
  return zoo;
}

const openStore = (cache: string | undefined) => new ModelStore(cacheFolder(cache));

async function pull(names: string[], { cache, mirror, stall, quiet }: PullOptions): Promise<void> {
  const store = openStore(cache);
  const printer = new ProgressPrinter(process.stderr, quiet);
  // A wrong name is told before the first download.
  for (const name of names) await store.show(name);
  await interruptible(async (signal) => {
    for (const name of names) {
      const before = await store.show(name);
      if (before.state === 'added') {
        print([`${name} is a file of your own: ${before.file} ("rosetta zoo remove ${name}" to download it instead)`]);
        continue;
      }
      const stored = await store.pull(name, {
        mirror,
        stall,
        signal,
        onWait: complain,
        note: (text) => printer.note(text),
        onProgress({ stage, done, total }) {
          // Without a size there is no share to show.
          if (total === Infinity) return;
          const all = Math.ceil(total / 2 ** 20);
          printer.update({ stage, done: done === total ? all : Math.floor(done / 2 ** 20), total: all, unit: 'MiB' });
        },
      });
      print([`${name}: ${stored.file}${before.state === 'downloaded' ? ' (already here)' : ''}`]);
    }
  });
}

/** As JSON. */
function described({ official, ...here }: StoredModel): unknown {
  return {
    ...here,
    published: official !== undefined,
    card: official && officialCard(official),
    files: official?.files,
  };
}

const noCommerce = /no commercial use/;

function table(models: readonly StoredModel[]): string[] {
  const rows = models.map((model) => {
    const { name, official } = model;
    if (!official) return [name, '', '', size(model), '', state(model)];
    const licence = official.licence.replace(/ ?[(;].*/, '') + (noCommerce.test(official.licence) ? ' *' : '');
    return [name, official.task, official.data.replace(/, without labels/, ''), size(model), licence, state(model)];
  });
  const all = [['name', 'task', 'data', 'size', 'licence', 'state'], ...rows];
  const widths = all[0].map((_, c) => Math.max(...all.map((row) => row[c].length)));
  const lines = all.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c]))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, '* no commercial use'];
}

function details(model: StoredModel): string[] {
  const { name, official, file, sha256, bytes } = model;
  const lines: [string, string | undefined][] = [
    ['name', name],
    ['state', state(model)],
    ['file', file],
    ['size', file && bytes !== undefined ? `${bytes} bytes` : size(model)],
    ['SHA-256', sha256],
  ];
  if (official) {
    const { architecture, task, supervision, data, licence, source, paper, input, files } = official;
    lines.push(['architecture', architecture], ['task', task], ['supervision', supervision], ['data', data]);
    lines.push(['licence', licence], ['source', source], ['paper', paper]);
    if (input)
      lines.push([
        'input',
        `${input.height}x${input.width}, ${input.resize}, mean ${input.mean.join(',')}, std ${input.std.join(',')}`,
      ]);
    for (const { url, sha256: digest, md5, manual } of files) {
      const published = [digest && `SHA-256 ${digest}`, md5 && `MD5 ${md5}`].filter(Boolean).join(', ');
      lines.push(['address', published ? `${url} (published: ${published})` : url]);
      if (manual) lines.push(['to get it', `${manual}; then "rosetta zoo add ${name} FILE"`]);
    }
  }
  return lines.filter(([, text]) => text).map(([label, text]) => `${label.padEnd(12)} ${text}`);
}

function size({ file, bytes, official }: StoredModel): string {
  if (file && bytes !== undefined) return formatBytes(bytes);
  const [weights] = official?.files ?? [];
  if (weights?.bytes !== undefined) return formatBytes(weights.bytes);
  return weights?.about === undefined ? 'unknown' : `~${formatBytes(weights.about)}`;
}

function state({ state, bytes, official }: StoredModel): string {
  if (state === 'partial') return `partial (${formatBytes(bytes ?? 0)})`;
  if (state !== 'absent') return state;
  return official?.files.some(({ manual }) => manual) ? 'not here (by hand)' : 'not here';
}

const print = (text: string | readonly string[]): void => {
  printLines(...[text].flat().flatMap((part) => part.split('\n')));
};

function parseMirror(text: string): string {
  try {
    mirrored('https://example.org/', text);
    return text;
  } catch {
    throw new InvalidArgumentError('expected an address such as https://mirror.example/models.');
  }
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('expected seconds, such as 30.');
  return value;
}
