// JSON texts to values, within a depth that everything which walks values survives.
// It holds them against no schema.

/** No file of this program or of a person comes near it; recursion of any validator or writer of JSON does not end there. */
const maxDepth = 100;

/** @throws SyntaxError for what is not JSON, or is nested too deeply. */
export function parseJson(text: string): unknown {
  const [quote, backslash] = [0x22, 0x5c];
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === backslash) i++;
      else if (c === quote) inString = false;
    } else if (c === quote) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > maxDepth) throw new SyntaxError(`nested more than ${maxDepth} levels deep`);
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  const value: unknown = JSON.parse(text);
  return value;
}

/** Whether a value of JSON is an object, neither a list nor null. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
