// Temporary folders of processes that end in different ways.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const place = mkdtempSync(join(tmpdir(), 'rosetta-test-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const module = new URL('../../../src/files/node/temporary.ts', import.meta.url).href;

/** A process whose work in a temporary folder is `work`; it has begun when this returns. */
async function start(work: string) {
  const script = `
    import { withTemporaryFolder } from ${JSON.stringify(module)};
    await withTemporaryFolder(async (folder) => {
      console.log(folder);
      ${work}
    });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { ...process.env, TMPDIR: place },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  const folder = await new Promise<string>((told) => child.stdout.once('data', (text) => told(String(text).trim())));
  return { child, ended, folder };
}
const wait = 'await new Promise((done) => process.stdin.on("end", done).resume());';

describe('a temporary folder', () => {
  it('is removed when the work has ended, and when the process exits in the middle of it', async () => {
    for (const work of ['', `${wait} process.exit(3);`]) {
      const { child, ended, folder } = await start(work);
      child.stdin.end();
      await ended;
      expect(existsSync(folder)).toBe(false);
    }
  });

  it('of a process that was killed is removed by the next one, those of living ones stay', async () => {
    const killed = await start(wait);
    const living = await start(wait);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(existsSync(killed.folder)).toBe(true);
    const next = await start('');
    await next.ended;
    expect(existsSync(killed.folder)).toBe(false);
    expect(existsSync(living.folder)).toBe(true);
    living.child.stdin.end();
    await living.ended;
    expect(readdirSync(place).filter((name) => name.startsWith('rosetta-'))).toEqual([]);
  });
});
