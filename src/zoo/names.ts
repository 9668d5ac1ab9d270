// Layer names chosen by globs, as in `layer*` (stages) or `layer*.*` (blocks).

/**
 * A regular expression for a glob over names in which '.' separates: `*` stands for anything without a '.',
 * `**` for anything, `?` for one character other than '.', `{a,b}` for one of several.
 */
export function globExpression(glob: string): RegExp {
  const body = glob.replace(/\*\*|[*?{},]|[.+^$()|[\]\\/]/g, (token) => {
    if (token === '**') return '.*';
    if (token === '*') return '[^.]*';
    if (token === '?') return '[^.]';
    if (token === '{') return '(?:';
    if (token === '}') return ')';
    if (token === ',') return '|';
    return `\\${token}`;
  });
  return new RegExp(`^${body}$`);
}

/** The names that one of the globs matches, in their own order. */
export function matching(names: Iterable<string>, globs: readonly string[]): string[] {
  const expressions = globs.map(globExpression);
  return [...names].filter((name) => expressions.some((expression) => expression.test(name)));
}
