// The engine's telemetry stays off: a process that computes leaves nothing in the user's folders and looks up no host.

import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenFile, rosetta } from '../cli/rosetta.ts';

const folder = mkdtempSync(join(tmpdir(), 'rosetta-telemetry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const root = join(rosetta, '../..');
// The first call may have to build the program.
beforeAll(() => void execFileSync(process.execPath, [rosetta, '--version']), 300_000);

const model = goldenFile('torch_onnx/vit.onnx');
/** The library's own entry, as another program uses it. */
const library = `
import { readOnnx } from '${pathToFileURL(join(root, 'dist/graph/index.js')).href}';
import { nodeEngine } from '${pathToFileURL(join(root, 'dist/runtime/node.js')).href}';
import { readFileSync } from 'node:fs';
const graph = readOnnx(readFileSync(${JSON.stringify(model)}));
await (await nodeEngine({ threads: 1 }).open(graph)).release();`;
const cases: [string, string[]][] = [
  ['the library', ['--input-type=module', '-e', library]],
  [
    'the command line',
    [rosetta, 'activations', '--model', `a=${model}`, '--input', 'photo.png', '--out', 'a.safetensors'],
  ],
];

const traced = (() => {
  try {
    execFileSync('strace', ['-f', '-o', '/dev/null', 'true']);
    return true;
  } catch {
    return false;
  }
})();

/** Files that a process leaves in folders that are the user's, and the addresses that it connects to. */
async function left(name: string, args: string[]) {
  const at = (part: string) => join(folder, name, part);
  for (const part of ['home', 'cache', 'tmp', 'work']) mkdirSync(at(part), { recursive: true });
  const sharp = (await import('sharp')).default;
  await sharp({ create: { width: 32, height: 32, channels: 3, background: 'teal' } }).toFile(at('work/photo.png'));
  const { ORT_DISABLE_TELEMETRY: _, ...inherited } = process.env;
  const env = { ...inherited, HOME: at('home'), XDG_CACHE_HOME: at('cache'), TMPDIR: at('tmp') };
  const trace = at('trace');
  const command = [process.execPath, ...args];
  if (traced) command.unshift('strace', '-f', '-e', 'trace=connect,sendto', '-o', trace);
  await promisify(execFile)(command[0], command.slice(1), { cwd: at('work'), env });
  const files = ['home', 'cache', 'tmp'].flatMap((part) => readdirSync(at(part), { recursive: true }).map(String));
  const connections = traced
    ? readFileSync(trace, 'utf8')
        .split('\n')
        .filter((line) => /AF_INET/.test(line))
    : [];
  return { files, connections };
}

describe('a process that computes', () => {
  it.each(cases)('by %s leaves no file and asks nobody', async (name, args) => {
    expect(await left(name.replace(/ /g, '-'), args)).toEqual({ files: [], connections: [] });
  });
});
