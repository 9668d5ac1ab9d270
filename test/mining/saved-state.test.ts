// The state of an unfinished run: found as it was saved, and none when any of its files is damaged.

import { describe, expect, it } from 'vitest';
import { memoryFolder } from '../../src/files/folder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { StateStore } from '../../src/mining/correlation/saved-state.ts';

const state = {
  passes: 1,
  cursor: { part: 0, half: 1, position: 16, images: 16, batches: [2] },
  unreadable: [{ name: 'a.png', reason: 'broken' }],
  groups: new Map([['centres', new Map([['c', float32([2], [1, 2])]])]]),
} as const;

async function saved() {
  const folder = memoryFolder();
  await new StateStore(folder, 'k').save(state);
  return folder;
}

describe('a saved state', () => {
  it('is found again, by the same key only', async () => {
    const folder = await saved();
    expect(await new StateStore(folder, 'k').load()).toEqual(state);
    expect(await new StateStore(folder, 'other').load()).toBeUndefined();
  });

  it.each([
    ['empty', ''],
    ['cut short', '{"key":"k","num'],
    ['null', 'null'],
    ['nested', '['.repeat(5000)],
    ['without groups', JSON.stringify({ key: 'k', number: 1, passes: 1, cursor: state.cursor, unreadable: [] })],
    ['of groups that are none', JSON.stringify({ key: 'k', number: 1, passes: 1, cursor: state.cursor, unreadable: [], groups: null })], // prettier-ignore
    ['of a cursor that is none', JSON.stringify({ key: 'k', number: 1, passes: 1, cursor: {}, unreadable: [], groups: [] })], // prettier-ignore
  ])('whose current.json is %s is none', async (_, text) => {
    const folder = await saved();
    await folder.write('partial/current.json', [text]);
    const store = new StateStore(folder, 'k');
    expect(await store.load()).toBeUndefined();
    // And another can be saved and found.
    await store.save(state);
    expect(await new StateStore(folder, 'k').load()).toEqual(state);
  });

  it('whose tensors are cut short is none', async () => {
    const folder = await saved();
    const name = 'partial/1/0.safetensors';
    folder.files.set(name, folder.files.get(name)!.slice(0, -1));
    expect(await new StateStore(folder, 'k').load()).toBeUndefined();
  });
});
