// JSON texts become values; what is nested deeper than anything that walks values survives does not.

import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/files/parse-json.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    const value = { a: [1, { b: null }], 'c"[': '\\[[{', d: '}' };
    expect(parseJson(JSON.stringify(value))).toEqual(value);
    expect(parseJson(`[${Array(1000).fill('[]').join(',')}]`)).toHaveLength(1000);
    expect(JSON.stringify(parseJson(nested(100)))).toBe(nested(100));
    expect(parseJson(`"\\\\${nested(5000)}"`)).toBe(`\\${nested(5000)}`);
  });

  it('refuses what is nested too deep, and what is no JSON', () => {
    expect(() => parseJson(nested(101))).toThrow(new SyntaxError('nested more than 100 levels deep'));
    expect(() => parseJson('{"a":'.repeat(5000))).toThrow(SyntaxError);
    expect(() => parseJson('{')).toThrow(SyntaxError);
  });
});
