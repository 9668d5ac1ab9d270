// Devices that are not here: one message of ours, and none of the engine's own on standard error.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { nodeEngine } from '../../src/runtime/node.ts';
import { goldenFile, rosetta, workplace } from '../cli/rosetta.ts';
import sharp from 'sharp';

const engine = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
const cuda = existsSync(join(engine, 'bin/napi-v6/linux', process.arch, 'libonnxruntime_providers_cuda.so'));
const { at, env, folder } = workplace();
beforeAll(async () => {
  spawnSync(process.execPath, [rosetta, '--version']);
  await sharp({ create: { width: 32, height: 32, channels: 3, background: 'teal' } }).toFile(at('photo.png'));
}, 300_000);

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64' || cuda)('a device that is not here', () => {
  it('is told when a graph is opened, as often as one is', async () => {
    const b = new GraphBuilder();
    b.output(b.relu(b.input('x', [1])), 'y');
    const graph = b.build();
    const device = nodeEngine({ device: 'cuda' });
    for (let i = 0; i < 2; i++) {
      const error: unknown = await device.open(graph).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toMatch(
        /^the device "cuda" is not available: it needs an NVIDIA driver.*Choose another with --device: cpu/,
      );
    }
  });

  it('is told in one line, without what the engine prints of it', () => {
    const options = [
      '--model',
      `a=${goldenFile('torch_onnx/vit.onnx')}`,
      '--input',
      'photo.png',
      '--out',
      'a.safetensors',
    ];
    const args = [rosetta, 'activations', ...options, '--device', 'cuda'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
    const lines = stderr.split('\n').filter((line) => line && !line.startsWith('a: '));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^rosetta: the device "cuda" is not available/);
    expect(status).toBe(1);
  });
});
