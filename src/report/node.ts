// The page's script in Node: reads the compiled modules beside this file.
// It writes nothing; the command line writes the page.

import { readFile } from 'node:fs/promises';
import { pageScript } from './assets.ts';

/** Reads a module of page/: JavaScript in dist/; in a checkout that was not built, TypeScript, whose types are taken off. */
async function readModule(name: string): Promise<string> {
  const built = import.meta.url.endsWith('.js');
  const text = await readFile(new URL(`./page/${name}.${built ? 'js' : 'ts'}`, import.meta.url), 'utf8');
  if (built) return text;
  const { default: typescript } = await import('typescript');
  const { ScriptTarget, ModuleKind } = typescript;
  return typescript.transpileModule(text, {
    compilerOptions: { target: ScriptTarget.ES2022, module: ModuleKind.ESNext, verbatimModuleSyntax: true },
  }).outputText;
}

/** The script of the page, for `reportChunks`. */
export const nodePageScript = (): Promise<string> => pageScript(readModule);
