// The room's public face: a run as one self-contained HTML page.
// Reading the run and writing the page is the caller's; in Node the page's script comes from ./node.ts.

export { pageScript } from './assets.ts';
export { shownConcepts, type ShownConcept } from './demo/concepts.ts';
export type { ReportInput } from './pack.ts';
export { reportChunks, reportPage } from './report.ts';
