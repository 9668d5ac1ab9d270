// The lock of a folder against dead, distant and foreign holders.

import { spawn } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withFolderLock } from '../../../src/files/node/lock.ts';

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rosetta-lock-'));
  lock = join(folder, '.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The lock's content while it is held. */
const markOf = () => withFolderLock(folder, () => Promise.resolve(JSON.parse(readFileSync(lock, 'utf8')) as object));
const done = () => Promise.resolve('done');

describe('the lock of a folder', () => {
  it('is there while the work runs, and gone with all beside it then', async () => {
    expect(await markOf()).toMatchObject({ program: 'rosetta-neurons', pid: process.pid });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('of a killed process whose parent has not asked for it is free', async () => {
    const mark = (await markOf()) as { pid: number; start: string };
    // A process becomes another program, which knows nothing of its child.
    const parent = spawn('sh', ['-c', 'sleep 1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = await new Promise<number>((found) => parent.stdout.once('data', (data) => found(Number(data))));
      const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      await expect.poll(() => stat()[0], { timeout: 30_000 }).toBe('Z');
      writeFileSync(lock, JSON.stringify({ ...mark, pid, start: stat()[19] }));
      expect(await withFolderLock(folder, done)).toBe('done');
    } finally {
      parent.kill();
    }
  });

  it('lets one in at a time', async () => {
    await withFolderLock(folder, async () => {
      await expect(withFolderLock(folder, done)).rejects.toThrow(/is being written by process/);
    });
  });

  it('of a dead process is taken over, also with a time in the future', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((end) => child.on('exit', end));
    writeFileSync(lock, JSON.stringify({ ...(await markOf()), pid: child.pid, start: '1' }));
    utimesSync(lock, new Date('2100-01-01'), new Date('2100-01-01'));
    writeFileSync(`${lock}-takeover`, String(child.pid));
    utimesSync(`${lock}-takeover`, new Date('2100-01-01'), new Date('2100-01-01'));
    expect(await withFolderLock(folder, done)).toBe('done');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process whose number another one has by now is taken over', async () => {
    writeFileSync(lock, JSON.stringify({ ...(await markOf()), pid: process.ppid, start: '1' }));
    expect(await withFolderLock(folder, done)).toBe('done');
  });

  it('of another container is kept while it shows life, though its number is nobody’s here', async () => {
    const mark = { ...(await markOf()), pid: 2 ** 30, space: 'pid:[1]' };
    writeFileSync(lock, JSON.stringify(mark));
    let time = 1;
    const beating = setInterval(() => utimesSync(lock, ++time, time), 20);
    const told: string[] = [];
    try {
      await expect(
        withFolderLock(folder, done, { quiet: 60_000, onWait: (message) => told.push(message) }),
      ).rejects.toThrow(/is being written by process 1073741824/);
    } finally {
      clearInterval(beating);
    }
    expect(told).toEqual([
      expect.stringMatching(/is held by process 1073741824 on .*: waiting 60 s for a sign of life/),
    ]);
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual(mark);
  });

  it('of another container that shows no life is taken over after a bounded wait', async () => {
    writeFileSync(lock, JSON.stringify({ ...(await markOf()), host: 'elsewhere' }));
    const told: string[] = [];
    expect(await withFolderLock(folder, done, { quiet: 100, onWait: (message) => told.push(message) })).toBe('done');
    expect(told).toHaveLength(1);
  });

  it('shows life', async () => {
    await withFolderLock(
      folder,
      async () => {
        utimesSync(lock, 1, 1);
        await expect.poll(() => statSync(lock).mtimeMs > 1000).toBe(true);
      },
      { beat: 10 },
    );
  });

  it('that is a dangling link is told, not waited for', async () => {
    symlinkSync(join(folder, 'nowhere'), lock);
    await expect(withFolderLock(folder, done)).rejects.toThrow(/\.lock is not a lock of this program; remove it/);
  });

  it('that is a file of somebody else is kept', async () => {
    writeFileSync(lock, 'my notes');
    await expect(withFolderLock(folder, done)).rejects.toThrow(/\.lock is not a lock of this program/);
    expect(readFileSync(lock, 'utf8')).toBe('my notes');
  });
});
