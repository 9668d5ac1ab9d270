// What this program keeps beside its results: copies of networks and pixels, records of the store, locks, lists of files;
// and the config.json that comes with a checkpoint. Results and unfinished work are in run.ts and states.ts.

import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc, { type Arbitrary } from 'fast-check';
import { zipSync } from 'fflate';
import { putReady } from '../../../src/cli/output/folder.ts';
import { readList } from '../../../src/cli/output/list.ts';
import { bytesSource, openCheckpoint, stateDict } from '../../../src/checkpoint/index.ts';
import { UserError } from '../../../src/errors.ts';
import { withFolderLock } from '../../../src/files/node/lock.ts';
import { ownMark } from '../../../src/files/node/process-mark.ts';
import { unfinished } from '../../../src/files/folder.ts';
import { cachedPixels } from '../../../src/images/node/pixel-cache.ts';
import { program } from '../../../src/program.ts';
import { describeModel } from '../../../src/zoo/from-checkpoint.ts';
import { parseConfig } from '../../../src/zoo/network-config.ts';
import { loadModel } from '../../../src/zoo/node.ts';
import { readCompiled } from '../../../src/zoo/node/compiled.ts';
import { PartialFile } from '../../../src/zoo/store/node/partial-file.ts';
import { ModelStore } from '../../../src/zoo/store/node/store.ts';
import { noise, png } from '../../images/pictures.ts';
import { changed } from '../generators/bytes.ts';
import { changedJson, changedNumbers } from '../generators/json.ts';
import { changedSafetensors } from '../generators/safetensors.ts';
import type { Target } from '../target.ts';
import { golden } from './files.ts';

/** Changed ones, and now and then what is whole, where a hash refuses all others. */
const orWhole = (whole: Uint8Array, inputs: Arbitrary<Uint8Array>): Arbitrary<Uint8Array> =>
  fc.oneof({ weight: 9, arbitrary: inputs }, { weight: 1, arbitrary: fc.constant(whole) });

const ended = (what: unknown): void => {
  if (!what) throw new UserError('made anew');
};

export const cache: readonly Target[] = [
  {
    name: 'network-config',
    async prepare() {
      const checkpoint = await openCheckpoint(
        bytesSource('pytorch_model.bin', golden('biggan_deep/pytorch_model.bin')),
      );
      const shapes = new Map([...stateDict(checkpoint)].map(([name, { shape }]) => [name, shape] as const));
      const config = JSON.parse(new TextDecoder().decode(golden('biggan_deep/config.json'))) as unknown;
      return {
        inputs: fc.oneof(changedJson([config]), changedNumbers([config])),
        read(bytes) {
          const json = parseConfig(new TextDecoder().decode(bytes));
          const { card } = describeModel(shapes, { name: 'm', hints: { ...(json && { json }) } });
          // As compiled copies are named by it.
          JSON.stringify([json, card]);
        },
      };
    },
  },
  {
    name: 'compiled-index',
    async prepare(scratch) {
      const folder = join(scratch, 'compiled');
      const path = join(scratch, 'net.pth');
      await writeFile(path, golden('torchvision_resnet50/resnet50_small.pth'));
      await loadModel(path, { name: 'm', settings: { size: '64' }, compiled: { folder } });
      const names = await readdir(folder);
      const key = names.find((name) => /^[^.]*\.json$/.test(name))!.slice(0, -5);
      const file = join(folder, `${key}.json`);
      const whole = new Uint8Array(await readFile(file));
      const value = JSON.parse(new TextDecoder().decode(whole)) as unknown;
      return {
        inputs: orWhole(whole, fc.oneof(changedJson([value]), changed([whole]))),
        async read(bytes) {
          await writeFile(file, bytes);
          const found = await readCompiled(folder, key);
          ended(found);
          for (const tensor of found?.constants.values() ?? []) void tensor.data;
        },
      };
    },
  },
  {
    name: 'pixel-cache',
    async prepare(scratch) {
      const [archive, folder] = [join(scratch, 'photos.zip'), join(scratch, 'kept')];
      await writeFile(archive, zipSync({ 'a/1.png': await png(noise(4, 4), 4, 4) }));
      const take = () => cachedPixels(archive, { size: { height: 4, width: 4 } }, folder);
      await take();
      const file = join(folder, (await readdir(folder))[0]);
      const whole = new Uint8Array(await readFile(file));
      return {
        inputs: orWhole(whole, changedSafetensors([whole])),
        async read(bytes) {
          await writeFile(file, bytes);
          await take();
          // Where it was damaged, it was written again.
          ended(Buffer.compare(bytes, await readFile(file)) === 0);
        },
      };
    },
  },
  {
    name: 'store-record',
    async prepare(scratch) {
      const file = join(scratch, 'net.bin');
      await writeFile(file, 'net');
      await utimes(file, 1e9, 1e9);
      const record = { file, bytes: 3, sha256: 'a'.repeat(64), changed: (await stat(file)).mtimeMs };
      const folder = join(scratch, 'models', 'own');
      await mkdir(folder, { recursive: true });
      const store = new ModelStore(scratch, []);
      return {
        inputs: changedJson([{ name: 'own', files: [record] }]),
        async read(bytes) {
          await writeFile(join(folder, 'added.json'), bytes);
          await store.list();
          await store.resolve('own');
        },
      };
    },
  },
  {
    name: 'download-version',
    async prepare(scratch) {
      const part = new PartialFile(join(scratch, 'net.bin'));
      await writeFile(part.path, 'ne');
      const url = 'https://models.example/net.bin';
      return {
        inputs: changedJson([
          { url, etag: '"abc"' },
          { url, modified: 'Wed, 21 Oct 2015 07:28:00 GMT' },
        ]),
        async read(bytes) {
          await writeFile(part.versionPath, bytes);
          const { size, headers } = await part.resumable(url);
          ended(size);
          new Headers(headers);
        },
      };
    },
  },
  {
    name: 'lock',
    prepare: (scratch) => ({
      // Of a process that has ended, of one that is alive, of one elsewhere, and of earlier versions.
      inputs: fc.oneof(
        changedJson(
          [{ start: '1' }, {}, { host: 'elsewhere' }].map((mark) => ({ program: program.name, ...ownMark(), ...mark })),
        ),
        changed([new TextEncoder().encode('99999999')]),
      ),
      async read(bytes) {
        await writeFile(join(scratch, '.lock'), bytes);
        await withFolderLock(scratch, () => Promise.resolve(), { quiet: 1 });
      },
    }),
  },
  {
    name: 'file-list',
    prepare: (scratch) => ({
      inputs: changedJson([{ program: program.name, last: 'index.html', files: ['a/b.png', 'index.html'] }]),
      async read(bytes) {
        await writeFile(join(scratch, '.rosetta.json'), bytes);
        await readList(scratch, 'index.html');
      },
    }),
  },
  {
    name: 'ready-results',
    prepare(scratch) {
      // Names that lead outside would end within the folder of the campaign.
      const folder = join(scratch, 'a', 'b', 'c', 'd');
      const making = join(folder, unfinished);
      const ready = { files: ['a/b.png', 'index.html'] };
      return {
        inputs: changedJson([ready]),
        async read(bytes) {
          await rm(folder, { recursive: true, force: true });
          await mkdir(join(making, 'a'), { recursive: true });
          for (const name of ready.files) await writeFile(join(making, name), 'x');
          await writeFile(join(making, 'ready.json'), bytes);
          ended(await putReady(folder, { last: 'index.html' }));
        },
      };
    },
  },
];
