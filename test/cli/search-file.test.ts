// An unfinished search that is damaged begins anew, with a note, wherever the damage is.

import { describe, expect, it } from 'vitest';
import { openSearchFile, searchFileName } from '../../src/cli/search/state-file.ts';
import { ProgressPrinter } from '../../src/cli/progress.ts';
import { memoryFolder } from '../../src/files/folder.ts';
import { float32 } from '../../src/graph/tensor.ts';
import { searchFromTensors, searchTensors, type SavedSearch } from '../../src/synthesis/search/state.ts';

const latents = { z: float32([2, 3], [1, 2, 3, 4, 5, 6]) };
const search: SavedSearch = {
  start: latents,
  state: {
    step: 4,
    latents,
    adam: { z: { first: new Float32Array(6), second: new Float32Array(6) } },
    best: { latents, loss: Float32Array.of(0.5, 0.25), step: Int32Array.of(3, 4) },
    improved: { loss: Float32Array.of(0.5, 0.25), step: 3 },
  },
};

class Notes extends ProgressPrinter {
  readonly notes: string[] = [];
  constructor() {
    super(process.stderr, true);
  }
  override note(text: string): void {
    this.notes.push(text);
  }
}

async function opened(change?: (bytes: Uint8Array) => Uint8Array) {
  const folder = memoryFolder();
  const file = await openSearchFile(folder, '', 'settings', 10, new Notes());
  file.track.add({
    stage: 'search',
    unit: 'steps',
    done: 1,
    total: 10,
    loss: Float32Array.of(0.5, 0.5),
    terms: { rosetta: Float32Array.of(0.5, 0.5) },
    leader: 0,
    images: () => float32([2, 3, 2, 2], new Float32Array(24)),
    state: () => search.state,
  });
  await file.save(search, 7);
  const bytes = folder.files.get(searchFileName) ?? new Uint8Array();
  folder.files.set(searchFileName, change?.(bytes) ?? bytes);
  const printer = new Notes();
  const { saved, seconds } = await openSearchFile(folder, '', 'settings', 10, printer);
  return { saved, seconds, notes: printer.notes, length: bytes.length };
}

describe('a saved search', () => {
  it('is taken up as it was saved', async () => {
    const { saved, seconds, notes } = await opened();
    expect(saved).toEqual(search);
    expect([seconds, notes]).toEqual([7, [`going on from step 4 of the search in ${searchFileName}`]]);
  });

  it('that is damaged anywhere begins anew, with a note', async () => {
    const { length } = await opened();
    // Bytes of the data, of which no format knows what they should be, and of the header.
    for (let at = 8; at < length; at += 5) {
      const { saved, notes } = await opened((bytes) => bytes.with(at, bytes[at] ^ 0x11));
      if (saved) expect(saved, String(at)).toEqual(search);
      else expect(notes.join(), String(at)).toMatch(/is damaged|has other settings/);
    }
    for (const size of [0, 7, 8, 100, length - 1]) {
      const { saved, notes } = await opened((bytes) => bytes.slice(0, size));
      expect(saved).toBeUndefined();
      expect(notes).toEqual([`the unfinished search in ${searchFileName} is damaged; a new one begins`]);
    }
  });

  it.each([
    ['without latents', (all: Map<string, unknown>) => all.delete('start/z')],
    ['of other shapes', (all: Map<string, unknown>) => all.set('best/z', float32([1, 3], [1, 2, 3]))],
    ['with short moments', (all: Map<string, unknown>) => all.set('adam/z/first', float32([2], [1, 2]))],
    ['with a loss for one row', (all: Map<string, unknown>) => all.set('best loss', float32([1], [1]))],
    ['after half a step', (all: Map<string, unknown>) => all.set('steps', float32([2], [4.5, 3]))],
  ])('%s is refused', (_, change) => {
    const tensors = searchTensors(search);
    change(tensors);
    expect(() => searchFromTensors(tensors)).toThrow(/the saved search (is damaged|has)/);
  });
});
