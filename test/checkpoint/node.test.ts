// Files on disk: opening what is there, and writing whole files or none.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, safetensorsChunks, type TensorRef } from '../../src/checkpoint/index.ts';
import { openFile, writeSafetensorsFile } from '../../src/checkpoint/node.ts';
import { UserError } from '../../src/errors.ts';
import { float32, int64, type Tensor } from '../../src/graph/tensor.ts';
import { concat, contents, golden, messageOf, openGolden } from './fixtures.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const tensors = new Map<string, Tensor>([
  ['a', float32([2], [1, 2])],
  ['b', int64([3])],
]);

describe('openFile', () => {
  it('reads parts, and refuses ranges outside', async () => {
    const path = join(folder, 'numbers');
    writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
    const file = await openFile(path);
    expect([file.name, file.size]).toEqual([path, 4]);
    expect(await file.read(1, 2)).toEqual(Uint8Array.of(2, 3));
    expect(await file.read(4, 0)).toEqual(new Uint8Array());
    expect(await messageOf(file.read(3, 2))).toBe(
      `${path}: bytes 3 to 5 are wanted, but there are only 4. The file is truncated or damaged: download it again.`,
    );
    expect(await messageOf(file.read(-1, 2))).toContain(path);
    writeFileSync(path, Uint8Array.of(1));
    expect(await messageOf(file.read(1, 2))).toBe(`${path} became shorter while it was read. Download it again.`);
    await file.close();
  });

  it('says what is wrong with a path', async () => {
    const give = 'Give the path of a checkpoint file.';
    const missing = join(folder, 'missing.pth');
    expect(await messageOf(openFile(missing))).toBe(`${missing} cannot be opened: no such file or folder. ${give}`);
    expect(await messageOf(openFile(folder))).toBe(`${folder} cannot be read: it is a folder. ${give}`);
    writeFileSync(join(folder, 'file'), '');
    expect(await messageOf(openFile(join(folder, 'file', 'below')))).toMatch(/a part of the path is a file/);
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe (skipped on Windows)', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect(await messageOf(openFile(path))).toMatch(/not a regular file/);
  });
});

describe('writeSafetensorsFile', () => {
  it('writes what safetensorsChunks makes', async () => {
    const path = join(folder, 'w.safetensors');
    await writeSafetensorsFile(path, tensors, { note: 'x' });
    expect(new Uint8Array(readFileSync(path))).toEqual(concat(...safetensorsChunks(tensors, { note: 'x' })));
  });

  it('converts a torch file tensor by tensor', async () => {
    const path = join(folder, 'converted.safetensors');
    const source = await openFile(join(golden, 'checkpoint/tensors.pth'));
    await writeSafetensorsFile(path, (await openCheckpoint(source)).tensors);
    await source.close();
    const file = await openFile(path);
    const converted = await contents(await openCheckpoint(file));
    await file.close();
    expect(converted).toEqual(await contents(await openGolden('checkpoint/tensors.safetensors')));
  });

  /** Nothing but the given files may be left. */
  const left = (inside: string): string[] => readdirSync(join(folder, inside)).sort();

  it('leaves the old file, and no other, when a tensor cannot be loaded', async () => {
    mkdirSync(join(folder, 'load'));
    const path = join(folder, 'load', 'w.safetensors');
    await writeSafetensorsFile(path, tensors);
    const before = readFileSync(path);
    const broken: TensorRef = {
      ...{ name: 'c', dtype: 'float32', shape: [1] },
      load: () => Promise.reject(new UserError('the source is damaged')),
    };
    expect(
      await messageOf(writeSafetensorsFile(path, new Map<string, Tensor | TensorRef>([...tensors, ['c', broken]]))),
    ).toBe('the source is damaged');
    expect(left('load')).toEqual(['w.safetensors']);
    expect(readFileSync(path)).toEqual(before);
  });

  it('names the path and the reason when it cannot write', async () => {
    const path = join(folder, 'absent', 'w.safetensors');
    expect(await messageOf(writeSafetensorsFile(path, tensors))).toBe(`cannot write ${path}: no such file or folder`);
    mkdirSync(join(folder, 'taken', 'w.safetensors'), { recursive: true });
    const taken = join(folder, 'taken', 'w.safetensors');
    expect(await messageOf(writeSafetensorsFile(taken, tensors))).toMatch(/cannot write .*: it is a folder/);
    expect(left('taken')).toEqual(['w.safetensors']);
  });

  const prlimit = '/usr/bin/prlimit';
  it.skipIf(!existsSync(prlimit))(
    'removes what it wrote when there is no more room (skipped without prlimit)',
    async () => {
      mkdirSync(join(folder, 'full'));
      const path = join(folder, 'full', 'w.safetensors');
      const limit = (bytes: string): unknown =>
        execFileSync(prlimit, ['--pid', String(process.pid), `--fsize=${bytes}:`]);
      const large = new Map([...tensors, ['large', float32([2 ** 20], new Float32Array(2 ** 20))]]);
      limit(String(2 ** 20));
      try {
        expect(await messageOf(writeSafetensorsFile(path, large))).toBe(
          `cannot write ${path}: it would be larger than files may be here; choose another folder`,
        );
      } finally {
        limit('unlimited');
      }
      expect(left('full')).toEqual([]);
    },
  );
});
