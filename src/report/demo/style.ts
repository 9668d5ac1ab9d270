// What the demo's page adds to the style sheets of the report (page/style.ts) and of results (synthesis/style.ts).
// It has no colours of its own.

export const demoStyle = /* CSS */ `
.part { overflow-wrap: anywhere; padding: 2rem 0 1rem; border-top: 1px solid var(--line); }
.part > p { max-width: 75ch; margin: 0.75rem 0 1.25rem; text-wrap: pretty; }
.part .controls { margin-top: 0; }
.shade { background: color-mix(in oklab, var(--mark) calc(var(--share) * 60%), var(--wash)) !important; }
.matrix td.shade { padding: 0 0.3rem; }
.concepts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr)); gap: 1.25rem 2.5rem; }
.concept { min-width: 0; padding: 0.85rem 0 0; border-top: 1px solid var(--line); }
.concept h3 { margin-bottom: 0.5rem; }
.concept small { font-weight: 400; color: var(--soft); }
.rows { overflow-x: auto; }
.rows table { width: 100%; table-layout: fixed; min-width: 24rem; }
.rows th { width: 8.5rem; padding-right: 0.75rem; font-size: 0.8rem; line-height: 1.25; color: var(--soft); font-weight: 400; overflow-wrap: anywhere; }
.rows td { padding: 0 3px 3px 0; }
.rows img { display: block; width: 100%; aspect-ratio: 1; border-radius: 2px; background: var(--wash); }
.rows tr:first-child img { image-rendering: pixelated; margin-bottom: 4px; }
.shows { display: grid; gap: 1.25rem; }
.show { min-width: 0; padding: 0.9rem 0 0; }
.show:first-child { border-top: 0; padding-top: 0; }
.show > .note { max-width: 75ch; margin: 0.15rem 0 0.6rem; }
.result-row { margin: 0.6rem 0 1rem; }
.result-row h3 { margin: 0 0 0.4rem; text-transform: capitalize; }
.side-by-side { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1rem 2rem; align-items: start; }
.side-by-side .pictures { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.75rem; max-width: 30rem; }
.behind { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.75rem 1.5rem; max-width: 46rem; }
.behind .maps { gap: 0.3rem; }
.behind > figure > figcaption { padding-top: 0.2rem; font-size: 0.76rem; font-weight: 400; color: var(--soft); overflow-wrap: anywhere; }
.behind > figure > figcaption .unit { display: block; }
.by-hand { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
.by-hand details { min-width: 0; max-width: 100%; }
.by-hand details[open] { flex-basis: 100%; }
.by-hand summary { padding: 0; }
.command { overflow-x: auto; max-width: 100%; margin: 0.5rem 0; padding: 0.6rem 0.85rem; border-radius: 6px; background: var(--wash); color: var(--ink); font: 0.82rem/1.5 var(--mono); }
.by-hand .command { white-space: pre-wrap; overflow-wrap: anywhere; }

@media (max-width: 900px) {
  .side-by-side { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 600px) {
  .behind { grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
  .rows table { min-width: 0; }
  .rows th { width: 5.5rem; padding-right: 0.4rem; font-size: 0.7rem; }
}
`;
