// The store: names, states, what is told of models that are not here, downloads of several files, files of one's own;
// and the shape of every published card.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownMark } from '../../../src/files/node/process-mark.ts';
import { parseCard } from '../../../src/zoo/read-card.ts';
import type { DownloadProgress } from '../../../src/zoo/store/node/download.ts';
import { cacheFolder, mirrored, ModelStore } from '../../../src/zoo/store/node/store.ts';
import { fileAt, officialCard, type OfficialModel } from '../../../src/zoo/store/official/model.ts';
import { officialModels } from '../../../src/zoo/store/official.ts';
import { fileServer } from './file-server.ts';
import { temporaryFolder } from '../fixtures.ts';

const at = temporaryFolder();
const server = await fileServer();
const weights = Buffer.alloc(200_000, 'weights ');
const config = Buffer.from('{"output_dim": 128}');
const sha256 = createHash('sha256').update(weights).digest('hex');

const identity = { architecture: 'resnet', task: 't', supervision: 's', data: 'd', licence: 'MIT', source: 'here' };
const models: OfficialModel[] = [
  { name: 'net-50', ...identity, files: [fileAt('https://models.example/a/net.pth', { sha256: sha256.slice(0, 8) })] },
  {
    name: 'gan-128',
    ...identity,
    files: [fileAt('https://models.example/g.bin'), fileAt('https://models.example/g.json', { file: 'config.json' })],
  },
  {
    name: 'by-hand',
    ...identity,
    files: [{ file: 'x.pt', url: 'https://drive.example/folder', manual: 'download x.pt from the folder' }],
  },
];

let count = 0;
function fresh() {
  const cache = at(`cache${++count}`);
  const mirror = `${server.origin}/m${count}`;
  server.serve(`/m${count}/a/net.pth`, { content: weights, etag: '"w"' });
  server.serve(`/m${count}/g.bin`, { content: weights, etag: '"g"' });
  server.serve(`/m${count}/g.json`, { content: config });
  return { cache, store: new ModelStore(cache, models), options: { mirror, backoff: 0.01 }, path: `/m${count}` };
}

describe('pull', () => {
  it('puts the file where resolve finds it, with its card', async () => {
    const { store, cache, options } = fresh();
    const stored = await store.pull('net-50', options);
    const file = join(cache, 'models/net-50/net.pth');
    expect(stored).toMatchObject({ name: 'net-50', state: 'downloaded', file, bytes: weights.length, sha256 });
    const resolved = await store.resolve('net-50');
    expect(resolved).toEqual({
      file,
      card: {
        name: 'net-50',
        ...identity,
        file: 'net.pth',
        download: { url: 'https://models.example/a/net.pth', sha256: sha256.slice(0, 8) },
      },
    });
    expect(readFileSync(file).equals(weights)).toBe(true);
    expect(readdirSync(join(cache, 'models/net-50')).sort()).toEqual(['downloaded.json', 'net.pth']);
  });

  it('does not ask again for what is here', async () => {
    const { store, options } = fresh();
    await store.pull('net-50', options);
    server.asked.length = 0;
    await store.pull('net-50', options);
    expect(server.asked).toEqual([]);
  });

  it('brings every file of a model, and after a failure only those that are missing', async () => {
    const { store, cache, options, path } = fresh();
    server.serve(`${path}/g.json`, { content: config, statuses: [404] });
    await expect(store.pull('gan-128', options)).rejects.toThrow(/g\.json is not there \(status 404\)/);
    expect(await store.show('gan-128')).toMatchObject({ state: 'partial', bytes: weights.length });
    server.asked.length = 0;
    const seen = new Set<string>();
    await store.pull('gan-128', { ...options, onProgress: ({ stage }) => void seen.add(stage) });
    expect(server.asked).toMatchObject([{ path: `${path}/g.json` }]);
    expect([...seen]).toEqual(['gan-128/config.json']);
    expect(readFileSync(join(cache, 'models/gan-128/config.json')).equals(config)).toBe(true);
    expect(await store.resolve('gan-128')).toMatchObject({ file: join(cache, 'models/gan-128/g.bin') });
  });

  it('is interrupted, told as partial, and gone on with', async () => {
    const { store, options, path } = fresh();
    server.serve(`${path}/a/net.pth`, { content: weights, etag: '"w"', stalls: [50_000] });
    const controller = new AbortController();
    const onProgress = ({ done }: DownloadProgress) => {
      if (done === 50_000) controller.abort();
    };
    await expect(store.pull('net-50', { ...options, onProgress, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await store.show('net-50')).toMatchObject({ state: 'partial', bytes: 50_000 });
    await expect(store.resolve('net-50')).rejects.toThrow('only partly here; run "rosetta zoo pull net-50"');
    server.asked.length = 0;
    await store.pull('net-50', options);
    expect(server.asked).toMatchObject([{ range: 'bytes=50000-' }]);
    expect(await store.show('net-50')).toMatchObject({ state: 'downloaded', sha256 });
  });

  it('of another file than the published one leaves nothing', async () => {
    const { store, cache, options, path } = fresh();
    server.serve(`${path}/a/net.pth`, { content: config });
    await expect(store.pull('net-50', options)).rejects.toThrow(/is not the published file: its SHA256/);
    expect(await store.show('net-50')).toMatchObject({ state: 'absent' });
    expect(readdirSync(join(cache, 'models/net-50'))).toEqual([]);
  });

  it('twice at once is refused the second time, and the first is not disturbed', async () => {
    const { store, cache, options } = fresh();
    const other = new ModelStore(cache, models);
    const both = await Promise.allSettled([store.pull('net-50', options), other.pull('net-50', options)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = both.find((one) => one.status === 'rejected')!;
    expect(String(refused.reason)).toMatch(/net-50 is being written by process \d+; wait for it/);
    expect(await store.resolve('net-50')).toBeDefined();
  });

  it('goes on after a process that died with the lock, not before one that lives', async () => {
    const { store, cache, options } = fresh();
    const lock = join(cache, 'models/net-50/.lock');
    mkdirSync(join(cache, 'models/net-50'), { recursive: true });
    writeFileSync(lock, String(process.ppid));
    await expect(store.pull('net-50', options)).rejects.toThrow(`being written by process ${process.ppid}`);
    const dead = { ...ownMark(), pid: 2147483646 };
    writeFileSync(lock, JSON.stringify(dead));
    await store.pull('net-50', options);
    expect(existsSync(lock)).toBe(false);
  });

  it('tells that it waits for a process that cannot be seen from here; so do add and remove', async () => {
    const { store, cache, options } = fresh();
    const lock = join(cache, 'models/net-50/.lock');
    const told: string[] = [];
    const waiting = {
      onWait(message: string) {
        told.push(message);
        rmSync(lock);
      },
    };
    const elsewhere = () => {
      mkdirSync(join(cache, 'models/net-50'), { recursive: true });
      writeFileSync(lock, JSON.stringify({ ...ownMark(), host: 'elsewhere' }));
    };
    elsewhere();
    await store.pull('net-50', { ...options, ...waiting });
    elsewhere();
    await store.add('net-50', join(cache, 'models/net-50/net.pth'), waiting);
    elsewhere();
    await store.remove('net-50', waiting);
    const message = `${lock} is held by process ${process.pid} on elsewhere, which cannot be seen from here`;
    expect(told.map((text) => text.split(':')[0])).toEqual([message, message, message]);
  });

  it('removes what a killed process was writing, and nothing of the user', async () => {
    const { store, cache, options } = fresh();
    const folder = join(cache, 'models/net-50');
    mkdirSync(folder, { recursive: true });
    for (const name of ['downloaded.json.rosetta-partial-4000000', 'added.json.rosetta-partial-7', 'notes.partial-7'])
      writeFileSync(join(folder, name), '{');
    await store.pull('net-50', options);
    expect(readdirSync(folder).sort()).toEqual(['downloaded.json', 'net.pth', 'notes.partial-7']);
  });

  it('of a model to be downloaded by hand says what to do', async () => {
    await expect(fresh().store.pull('by-hand')).rejects.toThrow(
      'download by-hand by hand: download x.pt from the folder; then run "rosetta zoo add by-hand FILE"',
    );
  });

  it('into a folder that cannot be made is told', async () => {
    writeFileSync(at('file'), '');
    const { options } = fresh();
    const store = new ModelStore(at('file'), models);
    await expect(store.pull('net-50', options)).rejects.toThrow(/net-50.*: a part of the path is a file/);
  });
});

describe('resolve', () => {
  it('names what is near to a name that is not known', async () => {
    const { store } = fresh();
    await expect(store.resolve('net50')).rejects.toThrow('there is no model net50; similar names are net-50 (');
    await expect(store.resolve('gan')).rejects.toThrow('similar names are gan-128 (');
    await expect(store.resolve('something-else')).rejects.toThrow(/similar names are (net-50|gan-128|by-hand) \(/);
  });

  it('says how a model comes here', async () => {
    const { store } = fresh();
    await expect(store.resolve('net-50')).rejects.toThrow('net-50 is not here yet; run "rosetta zoo pull net-50"');
    await expect(store.resolve('by-hand')).rejects.toThrow('download x.pt from the folder; then run "rosetta zoo add');
  });

  it('refuses a download that was damaged later', async () => {
    const { store, options } = fresh();
    const { file } = await store.pull('net-50', options);
    writeFileSync(file!, 'x');
    await expect(store.resolve('net-50')).rejects.toThrow('has 1 bytes instead of 200000: it is damaged');
  });
});

describe('a file of the user', () => {
  const own = () => {
    const { store, cache, ...rest } = fresh();
    const file = at(`own${count}.pth`);
    writeFileSync(file, weights);
    return { store, cache, file, ...rest };
  };

  it('is registered under a name, listed, and stays where it is', async () => {
    const { store, cache, file } = own();
    expect(await store.add('mine.v1', file)).toEqual({
      name: 'mine.v1',
      state: 'added',
      file,
      bytes: weights.length,
      sha256,
      official: undefined,
    });
    expect(await store.resolve('mine.v1')).toEqual({ file, card: undefined });
    expect((await store.list()).map(({ name, state }) => [name, state])).toEqual([
      ['net-50', 'absent'],
      ['gan-128', 'absent'],
      ['by-hand', 'absent'],
      ['mine.v1', 'added'],
    ]);
    await store.remove('mine.v1');
    expect(existsSync(file)).toBe(true);
    expect(existsSync(join(cache, 'models/mine.v1'))).toBe(false);
    await expect(store.resolve('mine.v1')).rejects.toThrow('there is no model mine.v1');
  });

  it('under a published name has its card, comes first, and is checked', async () => {
    const { store, file, options } = own();
    await store.pull('net-50', options);
    await store.add('net-50', file);
    const { file: found, card } = await store.resolve('net-50');
    expect(found).toBe(file);
    expect(card).toMatchObject({ name: 'net-50', licence: 'MIT' });
    writeFileSync(file, 'another');
    await expect(store.add('net-50', file)).rejects.toThrow(
      new RegExp(`is not the published net-50: its SHA256 is [0-9a-f]{64}, ${sha256.slice(0, 8)} was expected`),
    );
    expect((await store.remove('net-50')).state).toBe('added');
    expect(await store.show('net-50')).toMatchObject({ state: 'absent' });
    expect(existsSync(file)).toBe(true);
  });

  it('that has changed or gone is told', async () => {
    const { store, file } = own();
    await store.add('mine', file);
    utimesSync(file, 1, 1);
    await expect(store.resolve('mine')).rejects.toThrow(`${file} has changed since it was added as mine`);
    rmSync(file);
    await expect(store.resolve('mine')).rejects.toThrow(`${file}, which was added as mine, is gone`);
  });

  it('must exist and be a file', async () => {
    const { store } = own();
    await expect(store.add('mine', at('nothing.pth'))).rejects.toThrow(/nothing\.pth does not exist/);
    await expect(store.add('mine', at(''))).rejects.toThrow(/is not a file/);
  });

  it('cannot be pulled', async () => {
    const { store, file } = own();
    await store.add('mine', file);
    await expect(store.pull('mine')).rejects.toThrow('mine is a file of your own');
  });
});

describe('remove', () => {
  it('takes a download, its parts and its records, and nothing else', async () => {
    const { store, cache, options } = fresh();
    await store.pull('net-50', options);
    const folder = join(cache, 'models/net-50');
    writeFileSync(join(folder, 'net.pth.partial'), 'x');
    writeFileSync(join(folder, 'notes.txt'), 'of the user');
    await store.remove('net-50');
    expect(readdirSync(folder)).toEqual(['notes.txt']);
    await expect(store.remove('net-50')).rejects.toThrow('nothing is here of net-50');
  });

  it('of a link to a file of the user removes the link only', async () => {
    const { store, cache } = fresh();
    const file = at(`linked${count}.pth`);
    writeFileSync(file, weights);
    mkdirSync(join(cache, 'models/net-50'), { recursive: true });
    symlinkSync(file, join(cache, 'models/net-50/net.pth'));
    expect(await store.show('net-50')).toMatchObject({ state: 'downloaded' });
    await store.remove('net-50');
    expect(existsSync(file)).toBe(true);
  });
});

describe('a name', () => {
  it.each([
    '..',
    '.',
    '',
    '../x',
    'a/b',
    'a\\b',
    '/etc',
    '.hidden',
    '-x',
    'a b',
    'a\0',
    'a:b',
    'x.',
    'ü',
    'x'.repeat(101),
  ])('%j is refused', async (name) => {
    const { store, cache } = fresh();
    writeFileSync(at('real.pth'), weights);
    await expect(store.add(name, at('real.pth'))).rejects.toThrow(/cannot name a model/);
    for (const act of ['show', 'resolve', 'pull', 'remove'] as const)
      await expect(store[act](name)).rejects.toThrow(/cannot name a model/);
    expect(existsSync(cache)).toBe(false);
  });
});

describe('the folder', () => {
  it('is the one that is asked for, else that of the environment, else the platform says', () => {
    expect(cacheFolder('/a', { ROSETTA_CACHE: '/b' })).toBe('/a');
    expect(cacheFolder(undefined, { ROSETTA_CACHE: '/b' })).toBe('/b');
    expect(cacheFolder(undefined, {})).toMatch(/rosetta-neurons/);
  });
});

describe('the folder of the platform', () => {
  it.each(['.cache/rosetta-neurons', ''])('%j, of an empty HOME, is refused', (platform) => {
    expect(() => cacheFolder(undefined, {}, platform)).toThrow(
      /no cache folder: HOME .* is empty or a relative path; set it, or name a folder with --cache or ROSETTA_CACHE/,
    );
    expect(cacheFolder('/a', {}, platform)).toBe('/a');
  });
});

describe('a record that is damaged', () => {
  it.each(['null', '{', '{"name": "net-50", "files": [null]}', '{"name": "net-50", "files": [{"bytes": "1"}]}'])(
    '%s, is none',
    async (text) => {
      const { store, cache } = fresh();
      mkdirSync(join(cache, 'models/net-50'), { recursive: true });
      writeFileSync(join(cache, 'models/net-50/added.json'), text);
      expect(await store.show('net-50')).toMatchObject({ state: 'absent' });
    },
  );
});

describe('a mirror', () => {
  it('takes the place of the host; the path stays', () => {
    expect(mirrored('https://host.example/a/b.pth?x=1', undefined)).toBe('https://host.example/a/b.pth?x=1');
    expect(mirrored('https://host.example/a/b.pth?x=1', 'http://m.example')).toBe('http://m.example/a/b.pth');
    expect(mirrored('https://host.example/a/b.pth', 'https://m.example:8/c/')).toBe('https://m.example:8/c/a/b.pth');
  });

  it.each(['m.example', 'ftp://m.example', ''])('%j is no address', (mirror) => {
    expect(() => mirrored('https://host.example/a', mirror)).toThrow(/is not an address/);
  });
});

describe('the published models', () => {
  const families = [
    'resnet',
    'vit',
    'clip-resnet',
    'biggan-deep',
    'stylegan2-rosinality',
    'stylegan2-nvlabs',
    'stylegan3',
  ];

  it('have names of their own, and files of their own', () => {
    const names = officialModels.map(({ name }) => name);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    const addresses = officialModels.flatMap(({ files }) =>
      files.filter(({ manual }) => !manual).map(({ url }) => url),
    );
    expect(new Set(addresses).size).toBe(addresses.length);
  });

  it.each(officialModels.map((model) => [model.name, model] as const))('%s has a whole card', async (name, model) => {
    const { download, ...card } = officialCard(model);
    expect(parseCard(JSON.stringify(card), 'card.json').card).toEqual(card);
    expect(download).toEqual(expect.objectContaining({ url: model.files[0].url }));
    expect(families).toContain(model.architecture);
    expect(model.paper).toMatch(/, .* \d{4}, arXiv \d{4}\.\d{5}$/);
    const encoder = ['resnet', 'vit', 'clip-resnet'].includes(model.architecture);
    expect(model.input !== undefined).toBe(encoder);
    for (const { url, file, bytes, sha256: digest, md5, manual } of model.files) {
      expect(new URL(url).protocol).toBe('https:');
      expect(file).toMatch(/^[\w.-]+\.(pth|pt|pkl|bin|json)$/);
      if (bytes !== undefined) expect(Number.isSafeInteger(bytes) && bytes > 0).toBe(true);
      if (digest !== undefined) expect(digest).toMatch(/^[0-9a-f]{8,64}$/);
      if (md5 !== undefined) expect(md5).toMatch(/^[0-9a-f]{6,32}$/);
      // Nobody's program can fetch from there.
      if (new URL(url).host === 'drive.google.com') expect(manual).toBeTruthy();
    }
    // Its name is one that the store takes.
    await expect(new ModelStore(at('none')).show(name)).resolves.toMatchObject({ name, state: 'absent' });
  });

  it('say where commercial use is forbidden', () => {
    for (const { architecture, source, licence } of officialModels) {
      if (/NVlabs/.test(source) || /facebookresearch\/mae/.test(source)) expect(licence).toMatch(/no commercial use/);
      if (architecture === 'clip-resnet') expect(licence).toMatch(/^MIT/);
      if (/facebookresearch\/dino/.test(source)) expect(licence).toBe('Apache-2.0');
    }
  });

  it('carry the digests that their addresses tell', () => {
    for (const { files } of officialModels) {
      for (const { url, sha256: digest } of files) {
        const [told] = /(?<=-)[0-9a-f]{8}(?=\.pth$)|(?<=\/)[0-9a-f]{64}(?=\/)/.exec(url) ?? [];
        expect(digest).toBe(told);
      }
    }
  });
});
