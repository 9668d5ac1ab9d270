// A short campaign over every reader, with one seed: what CI runs of `npm run fuzz`. And what a campaign must notice.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { campaign } from './campaign.ts';
import { targets } from './targets/index.ts';

describe('every input is read or refused:', () => {
  it.each(targets.map((target) => [target.name, target] as const))('%s', async (_, target) => {
    const scratch = mkdtempSync(join(tmpdir(), 'fuzz-'));
    try {
      // No limit of time here, where other tests share the machine: `npm run fuzz` has it.
      const limits = { milliseconds: Infinity, bytes: 2 ** 30 };
      const prepared = await target.prepare(scratch);
      const { inputs, read, refused, failures } = await campaign(prepared, { seed: 1, runs: 300, limits });
      expect(failures.map(({ what, input }) => `${what}\n${Buffer.from(input).toString('base64')}`)).toEqual([]);
      expect(read + refused).toBe(inputs);
      // Inputs that are all refused at their first byte would try nothing.
      expect(read).toBeGreaterThan(0);
      expect(refused).toBeGreaterThan(0);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});

describe('a campaign', () => {
  const inputs = fc.uint8Array({ maxLength: 50, size: 'max' });

  it('counts what is read and what is refused', async () => {
    const read = ([first = 0]: Uint8Array): void => {
      if (first > 200) throw new UserError('too large');
    };
    const found = await campaign({ inputs, read }, { seed: 1, runs: 200 });
    expect(found).toMatchObject({ inputs: 200, failures: [] });
    expect(found.read + found.refused).toBe(200);
    expect(found.refused).toBeGreaterThan(0);
  });

  it('finds an error that is no UserError, and the smallest input of it', async () => {
    const read = (bytes: Uint8Array): void => {
      if (bytes.includes(7)) throw new TypeError('seven');
    };
    const { failures } = await campaign({ inputs, read }, { seed: 1, runs: 2000 });
    expect(failures).toHaveLength(1);
    expect(failures[0].what).toMatch(/^TypeError: seven/);
    expect([...failures[0].input]).toEqual([7]);
  });

  it('finds what takes too long, or too much memory', async () => {
    const wait = {
      inputs,
      read() {
        for (const end = performance.now() + 60; performance.now() < end;);
      },
    };
    const limits = { milliseconds: 5, bytes: Infinity };
    expect((await campaign(wait, { seed: 1, runs: 2, limits })).failures[0].what).toMatch(/took \d+ ms/);
    const held: Uint8Array[] = [];
    const grow = { inputs, read: () => held.push(new Uint8Array(2 ** 28).fill(1)) };
    const memory = { milliseconds: Infinity, bytes: 2 ** 26 };
    expect((await campaign(grow, { seed: 1, runs: 1, limits: memory })).failures[0].what).toMatch(/took \d+ MB/);
  });
});
