// What is written beside a file is written anew: a link of that name, symbolic or hard, leads to nothing that changes.
// What is written is the business of other tests.

import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSafetensorsFile } from '../../../src/checkpoint/node.ts';
import { nodeFolder } from '../../../src/files/node/folder.ts';
import { partialPath } from '../../../src/files/node/replace-file.ts';
import { saveOnnx } from '../../../src/runtime/node.ts';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { noise } from '../../zoo/fixtures.ts';

const root = mkdtempSync(join(tmpdir(), 'rosetta-fresh-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cases = [
  ['a symbolic link', symlinkSync],
  ['a hard link', linkSync],
] as const;

function network(): Graph {
  const b = new GraphBuilder({ name: 'net' });
  const weight = b.constant(noise([64, 3, 3, 3], 1), 'weight');
  b.output(b.conv(b.input('x', [1, 3, 8, 8]), weight, undefined, {}, 'a'), 'y');
  return b.build();
}

/** What the next write of `name` writes beside it. */
const nextPartial = (name: string): string => partialPath(name).replace(/\d+$/, (last) => String(Number(last) + 1));

let count = 0;
/** A file of the user's, to which `name` in a new folder leads. */
function linked(name: string, link: typeof linkSync) {
  const folder = mkdtempSync(join(root, `${++count}-`));
  const other = join(folder, 'other');
  writeFileSync(other, 'of the user');
  link(other, join(folder, name));
  return { folder, other: () => readFileSync(other, 'utf8') };
}

describe.each(cases)('%s', (_, link) => {
  it('beside a file of a folder is not followed', async () => {
    const { folder, other } = linked(nextPartial('a.json'), link);
    await nodeFolder(folder).write('a.json', [Buffer.from('new')]);
    expect(other()).toBe('of the user');
    expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('new');
  });

  it('beside a safetensors file is not followed', async () => {
    const { folder, other } = linked(nextPartial('a.safetensors'), link);
    await writeSafetensorsFile(join(folder, 'a.safetensors'), new Map());
    expect(other()).toBe('of the user');
    expect(readFileSync(join(folder, 'a.safetensors')).readBigUInt64LE()).toBeGreaterThan(0n);
  });

  it.each(['a.onnx', 'a.onnx.data'])('called %s is not followed', async (name) => {
    const { folder, other } = linked(name, link);
    await saveOnnx(network(), join(folder, 'a.onnx'));
    expect(other()).toBe('of the user');
    expect(readFileSync(join(folder, name), 'utf8')).not.toBe('of the user');
  });
});
