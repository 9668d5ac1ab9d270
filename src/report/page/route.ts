// Where the reader is, as the part of the address behind `#`: a view, a path in it, and its settings.
// It does not touch the address bar; that is app.ts.

export interface Route {
  readonly view: string;
  readonly path: readonly string[];
  readonly params: Readonly<Record<string, string>>;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads `#view/path/...?name=value&...`; what is no such text leads to the concepts. */
export function parseRoute(hash: string): Route {
  const [place, query = ''] = hash.replace(/^#/, '').split('?', 2);
  const [view, ...path] = place.split('/').map(decode);
  return { view: view === '' ? 'concepts' : view, path, params: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a route, with `#`. Settings that are empty are left out. */
export function hashOf(
  view: string,
  path: readonly string[] = [],
  params: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== '')).toString();
  return `#${[view, ...path].map(encodeURIComponent).join('/')}${query === '' ? '' : `?${query}`}`;
}
