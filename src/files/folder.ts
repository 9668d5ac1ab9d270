// A folder of files as the mining code sees it: whole files, written so that none is ever half there.
// It is not a file system; `node/folder.ts` makes one of a directory, a test may use a Map.

/** Contents of a file, in parts that need not be there all at once. */
export type Chunks = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** A place for named files; names may contain '/' and never leave the folder. */
export interface Folder {
  /** Bytes of a file, or undefined when there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes chunks one after another into a file that appears only when complete. */
  write(name: string, chunks: Chunks): Promise<void>;
  /** Removes a file or a folder with all in it; nothing happens when it is absent. */
  remove(name: string): Promise<void>;
}

/** In the folder that a command fills: what it is making. It is this program's alone. */
export const unfinished = '.rosetta-unfinished';

/** A folder in memory, for runs that leave nothing behind. */
export function memoryFolder(): Folder & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const encoder = new TextEncoder();
  return {
    files,
    read: (name) => Promise.resolve(files.get(name)),
    async write(name, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
      const bytes = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
      let offset = 0;
      for (const part of parts) {
        bytes.set(part, offset);
        offset += part.byteLength;
      }
      files.set(name, bytes);
    },
    remove(name) {
      for (const key of [...files.keys()]) if (key === name || key.startsWith(`${name}/`)) files.delete(key);
      return Promise.resolve();
    },
  };
}
