// Whether a device computes on this machine: tried in a process of its own, whose engine may print and crash.
// Which devices the installed engine was built for is known without a try, in ../node.ts.

import { required } from '../../lookup.ts';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { GraphBuilder } from '../../graph/builder.ts';
import type { Graph } from '../../graph/graph.ts';
import { writeOnnx } from '../../graph/write.ts';
import type { Device } from '../engine.ts';

/** Seconds after which a device that does not answer counts as missing. */
const longest = 60;

const script = `
const [engine, device, model] = process.argv.slice(1);
// Nobody waits for an answer any more.
process.stdin.on('end', () => process.exit(1)).resume();
const { InferenceSession } = require(engine);
InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: [device], logSeverityLevel: 4 }).then(
  () => process.exit(0),
  (error) => process.stdout.write(error.message, () => process.exit(1)),
);`;

const probes = new Map<Device, Promise<string | undefined>>();

/** Why a device does not compute here, in the engine's words; undefined when it does. Each device is tried once. */
export function whyMissing(device: Device): Promise<string | undefined> {
  if (!probes.has(device)) probes.set(device, probe(device));
  return required(probes, device, 'device');
}

function smallGraph(): Graph {
  const b = new GraphBuilder();
  b.output(b.relu(b.input('x', [1])), 'y');
  return b.build();
}

function probe(device: Device): Promise<string | undefined> {
  const engine = createRequire(import.meta.url).resolve('onnxruntime-node');
  const model = Buffer.from(writeOnnx(smallGraph()).model).toString('base64');
  return new Promise((done) => {
    const options = { timeout: 1000 * longest };
    const child = execFile(process.execPath, ['-e', script, engine, device, model], options, (error, out) => {
      process.off('exit', end);
      if (!error) return done(undefined);
      if (error.killed) return done(`it did not answer for ${longest} s`);
      done(shortened(out) || `the engine ended with ${error.signal ?? `code ${error.code}`}`);
    });
    const end = () => void child.kill('SIGKILL');
    process.once('exit', end);
  });
}

/** The engine's message without the places in its source that it begins with. */
function shortened(message: string): string {
  const [line = ''] = message.trim().split('\n').slice(-1);
  return line.replace(/^\/.*? was false\. /, '').trim();
}
