// The page's own script: the modules of page/, joined into one text that can stand inside a page.
// It is not a bundler: it joins these modules, which are written for it (named exports, no two of one name).

/** The modules of page/, each after those that it imports. */
export const pageModules = [
  'dom',
  'standing',
  'data',
  'route',
  'search',
  'virtual',
  'heatmap',
  'display',
  'images',
  'figure',
  'form',
  'app',
  'masthead',
  'setcard',
  'concept-list',
  'concept',
  'pair-table',
  'unit',
  'histogram',
  'matrix',
  'charts',
  'main',
] as const;

/** Without its imports and export words, so that all modules can share one scope. */
function bare(module: string): string {
  return module
    .replace(/^import\b[^;]*;$/gm, '')
    .replace(/^export \{\};$/gm, '')
    .replace(/^export (?=(async|class|const|function|let)\b)/gm, '')
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '');
}

/**
 * The script of the page, for `reportChunks`. In Node, `report/node.ts` does this; in a browser pass a `read` that
 * fetches the compiled modules.
 * @param read the JavaScript of a module of page/, by its name (`main` for page/main.js)
 */
export async function pageScript(read: (module: string) => Promise<string>): Promise<string> {
  const modules = await Promise.all(pageModules.map(read));
  // A closing tag inside a string or a comment would end the script element that this is put in.
  return modules
    .map((module) => bare(module).trim())
    .join('\n\n')
    .replace(/<(?=\/script|!--)/gi, '\\x3c');
}
