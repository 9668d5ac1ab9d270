// SHA-256 of a text, as hexadecimal digits; the same in Node and in a browser.

/** Hash of the UTF-8 bytes of a text. */
export async function sha256(text: string): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
