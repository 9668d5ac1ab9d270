// HTML written as template literals, in which everything that is inserted is text unless it was made here.
// It is no parser and knows no element; the report's own page builds its elements in the browser (page/dom.ts).

import { escapeHtml } from './report.ts';

/** Markup that may be inserted as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Inserted = Html | string | number | false | undefined | readonly Inserted[];

/** `` html`<p>${text}</p>` ``: text is escaped, lists are joined, `false` and `undefined` are nothing. */
export function html(markup: TemplateStringsArray, ...inserted: readonly Inserted[]): Html {
  return new Html(markup.reduce((text, part, i) => text + asHtml(inserted[i - 1]) + part));
}

function asHtml(value: Inserted): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return '';
  return typeof value === 'object' ? value.map(asHtml).join('') : escapeHtml(String(value));
}
