// What the page of results adds to the report's style sheet (page/style.ts), with its colours.
// It holds no layout of the report itself.

export const synthesisStyle = /* CSS */ `
html { scroll-padding-top: 1rem; }
.contents { display: flex; flex-wrap: wrap; gap: 0.35rem 1.5rem; list-style: none; padding-bottom: 1.5rem; font-size: 0.9rem; }
.contents a { overflow-wrap: anywhere; }
.result { padding: 2rem 0 1rem; border-top: 1px solid var(--line); }
.result > h2 { overflow-wrap: anywhere; }
.result h3 { margin: 2.25rem 0 0.75rem; }
.warning { display: flex; gap: 0.6rem; max-width: 75ch; margin-top: 0.9rem; padding: 0.6rem 0.85rem; border-left: 3px solid var(--null); border-radius: 0 4px 4px 0; background: color-mix(in oklab, var(--null) 9%, transparent); overflow-wrap: anywhere; }
.warning b { flex: none; color: var(--null); font-weight: 600; }

.overview { display: grid; grid-template-columns: minmax(0, 1fr) minmax(15rem, 20rem); gap: 1.5rem 2.5rem; align-items: start; margin-top: 1.25rem; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 170px), 1fr)); gap: 1.25rem; max-width: calc(4 * 300px); }
.picture { position: relative; min-width: 0; max-width: 300px; }
.picture .frame { position: relative; display: block; overflow: hidden; background: var(--wash); border-radius: 4px; }
.picture .frame img { display: block; width: 100%; height: auto; }
.picture figcaption { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0 0.75rem; min-height: 2.2rem; padding: 0.3rem 0 0; overflow-wrap: anywhere; }
.coarse { image-rendering: pixelated; }
/* A picture that moves is not laid out, and so does not run, before it is asked for. */
.picture .frame .moving { position: absolute; inset: 0; display: none; }
.picture:has(.play:checked) .frame .moving { display: block; }
.play { position: absolute; opacity: 0; width: 1px; height: 1px; margin: 0; }
.play + label { display: inline-flex; align-items: center; gap: 0.4em; padding: 0.05rem 0.6rem; border: 1px solid var(--strong-line); border-radius: 6px; background: var(--raised); color: var(--ink); font-weight: 400; cursor: pointer; }
.play + label:hover { border-color: var(--accent); color: var(--accent); }
.play:focus-visible + label { outline: 2px solid var(--accent); outline-offset: 2px; }
.play + label::before { content: ''; width: 0.6em; height: 0.7em; background: currentColor; clip-path: polygon(0 0, 100% 50%, 0 100%); }
.play:checked + label::before { clip-path: polygon(0 0, 35% 0, 35% 100%, 65% 100%, 65% 0, 100% 0, 100% 100%, 0 100%); }
.overview .facts { padding-top: 0.1rem; }
.overview .facts div { grid-template-columns: minmax(5rem, 2fr) 3fr; padding: 0.2rem 0; border-bottom: 1px solid var(--line); }
.overview .facts dt { overflow-wrap: anywhere; }

.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)); gap: 1.25rem 1.75rem; }
.curve figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 0.75rem; overflow-wrap: anywhere; }
.curve figcaption span { font-weight: 400; color: var(--soft); }
.curve svg { display: block; width: 100%; height: auto; overflow: visible; }
.curve polyline { fill: none; stroke: var(--mark); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.curve circle { fill: var(--mark); }
.curve text { font: 10px var(--sans); fill: var(--soft); }

.matches { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 352px), 1fr)); gap: 1rem; }
.match { display: flex; flex-direction: column; gap: 0.75rem; min-width: 0; padding: 0.85rem 1rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); }
.match:has(:target) { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.match h4 { display: grid; gap: 0.1rem; font-weight: 400; }
.match h4 > span { display: grid; grid-template-columns: 4.9rem minmax(0, 1fr); align-items: baseline; }
.match h4 small { color: var(--soft); font-size: 0.78rem; }
.match h4 a { text-decoration-color: transparent; overflow-wrap: anywhere; }
.match h4 .model { color: var(--soft); }
.match h4 a:hover { text-decoration-color: currentColor; }
.maps { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 0.6rem; }
.maps figcaption { padding: 0.25rem 0 0; font-size: 0.76rem; font-weight: 400; color: var(--soft); line-height: 1.3; overflow-wrap: anywhere; }
.maps img { display: block; width: 100%; border-radius: 3px; background: #000; }
.agreement { display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center; gap: 0.75rem; margin-top: auto; font-size: 0.87rem; }
.agreement svg { display: block; width: 100%; height: 14px; overflow: visible; }
.agreement .track { stroke: var(--line); stroke-width: 2; }
.agreement .zero, .agreement .mined { stroke: var(--strong-line); stroke-width: 1; }
.agreement .mined { stroke: var(--null); stroke-width: 2; }
.agreement .way { stroke: var(--mark); stroke-width: 3; }
.agreement .before { fill: var(--raised); stroke: var(--mark); stroke-width: 1.5; }
.agreement .after { fill: var(--mark); }
.agreement > span { min-width: 7.5rem; text-align: right; white-space: nowrap; }
.agreement b { font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin-bottom: 0.9rem; }
.legend i { display: inline-block; width: 0.62em; height: 0.62em; margin-right: 0.4em; border: 1.5px solid var(--mark); border-radius: 50%; }
.legend i.filled { background: var(--mark); }
.legend i.tick { width: 2px; height: 0.85em; border: 0; border-radius: 0; background: var(--null); vertical-align: -0.08em; }
.table { margin-top: 1rem; }
.table table { font-size: 0.87rem; }
.table :is(th, td) { padding: 0.3rem 1.25rem 0.3rem 0; border-bottom: 1px solid var(--line); }
.table thead th { color: var(--soft); white-space: nowrap; }
.table thead th.number { text-align: right; }
.table .unit { min-width: 8rem; overflow-wrap: anywhere; }
.notes { max-width: 75ch; padding: 1.5rem 0 0; border-top: 1px solid var(--line); }
.notes ul { padding-left: 1.1rem; font-size: 0.9rem; color: var(--soft); }
.notes li { margin-top: 0.35rem; overflow-wrap: anywhere; }
.notes h2 { font-size: 1.2rem; }

@media (max-width: 760px) {
  .overview { grid-template-columns: minmax(0, 1fr); }
  .pictures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem 0.75rem; }
  .curves { grid-template-columns: repeat(auto-fill, minmax(min(100%, 8rem), 1fr)); gap: 1.25rem; }
  .match { padding: 0.75rem; }
}
@media print {
  .play, .play + label, .table summary { display: none; }
  .match { break-inside: avoid; }
}
`;
