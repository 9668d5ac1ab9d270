// SHA-256 of texts and bytes, as hexadecimal digits; the same in Node and in a browser.

/** Hash of bytes, or of the UTF-8 bytes of a text. */
export async function sha256(data: string | Uint8Array): Promise<string> {
  // Memory that other threads share is refused by the platform's hash.
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
  const digest = await globalThis.crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
