// Names of files as text: in most cases UTF-8, which no file system demands.
// Text does not lead back to the file; whoever opens it keeps the bytes.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name that is not UTF-8 gets `\xNN` for each byte that is part of none of its characters. */
export function nameOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    let name = '';
    for (let at = 0; at < bytes.length;) {
      const length = characterAt(bytes, at);
      name += length ? utf8.decode(bytes.subarray(at, at + length)) : `\\x${bytes[at].toString(16).padStart(2, '0')}`;
      at += length || 1;
    }
    return name;
  }
}

/** Bytes of the UTF-8 character that begins there, 0 when none does. */
function characterAt(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    try {
      utf8.decode(bytes.subarray(at, at + length));
      return length;
    } catch {
      // Too short, or none.
    }
  }
  return 0;
}
