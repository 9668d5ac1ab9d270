// Layer names chosen by globs, as in `layer*` (stages) or `layer*.*` (blocks).

/**
 * A regular expression for a glob over names in which '.' separates: `*` stands for anything without a '.',
 * `**` for anything, `?` for one character other than '.', `{a,b}` for one of several. All else stands for itself.
 */
export function globExpression(glob: string): RegExp {
  // Every second part is a group in braces.
  const parts = glob.split(/\{([^{}]*)\}/).map((part, i) => {
    if (i % 2 === 0) return plain(part);
    return `(?:${part.split(',').map(plain).join('|')})`;
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}

const plain = (text: string): string =>
  text.replace(/\*\*|[*?]|[.+^$(){}|[\]\\/]/g, (token) => {
    if (token === '**') return '.*';
    if (token === '*') return '[^.]*';
    return token === '?' ? '[^.]' : `\\${token}`;
  });

/** The names that one of the globs matches, in their own order. A glob that is itself a name means only that one. */
export function matching(names: Iterable<string>, globs: readonly string[]): string[] {
  const all = new Set(names);
  const exact = new Set(globs.filter((glob) => all.has(glob)));
  const expressions = globs.filter((glob) => !exact.has(glob)).map(globExpression);
  return [...all].filter((name) => exact.has(name) || expressions.some((expression) => expression.test(name)));
}
