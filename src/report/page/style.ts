// The page's style sheet. Colours are in oklch, each for light and for dark.
// It holds no colour of the heatmaps; that is ../colours.ts.

export const style = /* CSS */ `
:root {
  color-scheme: light dark;
  --paper: light-dark(oklch(98.8% 0.003 90), oklch(19% 0.005 260));
  --raised: light-dark(oklch(100% 0 0), oklch(22.5% 0.006 260));
  --wash: light-dark(oklch(95.8% 0.004 90), oklch(25.5% 0.006 260));
  --line: light-dark(oklch(90.5% 0.005 90), oklch(31% 0.007 260));
  --strong-line: light-dark(oklch(78% 0.006 90), oklch(44% 0.008 260));
  --ink: light-dark(oklch(22% 0.006 60), oklch(92.5% 0.005 90));
  --soft: light-dark(oklch(49% 0.008 60), oklch(71% 0.007 90));
  --accent: light-dark(oklch(46% 0.11 250), oklch(78% 0.09 245));
  --mark: light-dark(oklch(62% 0.13 250), oklch(66% 0.11 248));
  --null: light-dark(oklch(55% 0.16 40), oklch(76% 0.13 55));
  --sans: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif;
  --serif: 'Iowan Old Style', 'Palatino Linotype', Palatino, 'URW Palladio L', P052, 'Source Serif 4', Georgia, serif;
  --mono: ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace;
  --side: clamp(1rem, 4vw, 3rem);
  /* Width of the column of figures: beside the rail, without a scroll bar. */
  --room: calc(min(100vw - 16px, 1320px) - 2 * var(--side) - 14.75rem);
}
:root[data-theme='light'] { color-scheme: light; }
:root[data-theme='dark'] { color-scheme: dark; }

* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scrollbar-gutter: stable; }
body {
  margin: 0;
  background: var(--paper);
  color: var(--ink);
  font: 15px/1.5 var(--sans);
  font-variant-numeric: tabular-nums lining-nums;
}
#app { max-width: 1320px; margin: 0 auto; padding: 0 var(--side) 4rem; }
h1, h2, h3, h4, p, dl, dd, ul, figure, fieldset { margin: 0; padding: 0; }
h1, h2 { font-family: var(--serif); font-weight: 500; line-height: 1.15; text-wrap: balance; }
h1 { font-size: clamp(1.9rem, 4vw, 2.6rem); letter-spacing: -0.015em; }
h2 { font-size: 1.5rem; }
h3, h4 { font-size: 1rem; font-weight: 600; }
a { color: inherit; text-decoration-color: var(--strong-line); text-underline-offset: 0.18em; text-decoration-thickness: 1px; }
a:hover { color: var(--accent); text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
table { border-collapse: collapse; }
th { font-weight: 500; text-align: left; }
code, .id, .unit, .units { font-family: var(--mono); font-size: 0.86em; }
.id { font-size: 0.9em; letter-spacing: -0.02em; overflow-wrap: anywhere; }
.note, .count, .readout, caption { color: var(--soft); font-size: 0.87rem; }
.none { padding: 3rem 0; max-width: 60ch; color: var(--soft); }
.number { text-align: right; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 9; }
.skip:focus { top: 0.5rem; }
.section { margin: 3rem 0 0.75rem; }

button, input, select { font: inherit; color: inherit; }
button { cursor: pointer; border: 1px solid var(--strong-line); border-radius: 6px; background: var(--raised); padding: 0.25rem 0.7rem; }
button.quiet { border-color: transparent; background: none; color: var(--soft); font-size: 0.87rem; padding: 0.2rem 0.5rem; white-space: nowrap; }
button.quiet:hover { color: var(--ink); background: var(--wash); }
input:not([type='range'], [type='radio']), select {
  border: 1px solid var(--line);
  border-radius: 6px;
  background: var(--raised);
  padding: 0 0.6rem;
  height: 2.1rem;
  min-width: 0;
}
input:not([type='range'], [type='radio']):hover, select:hover { border-color: var(--strong-line); }
input::placeholder { color: var(--soft); opacity: 0.8; }
input[type='range'] { accent-color: var(--accent); }

.masthead { padding: clamp(1.5rem, 4vw, 3rem) 0 1.25rem; }
.title { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; }
.lead { max-width: 70ch; margin-top: 0.6rem; font-size: 1.05rem; color: var(--soft); text-wrap: pretty; }
.lead b { font-weight: 500; color: var(--ink); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.25rem; margin: 1.6rem 0 1.25rem; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { font-size: 0.8rem; color: var(--soft); }
.figures dd { font-size: 1.3rem; line-height: 1.2; letter-spacing: -0.01em; }
.folds { display: flex; flex-wrap: wrap; gap: 0 2rem; font-size: 0.9rem; }
.folds details[open] { flex-basis: 100%; }
summary { cursor: pointer; color: var(--soft); width: fit-content; padding: 0.2rem 0; }
summary:hover { color: var(--ink); }
.folded { padding: 0.75rem 0 1.5rem; display: grid; gap: 2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 1.75rem 2rem; }
.cards h3, .folded section > h3 { border-top: 1px solid var(--strong-line); padding-top: 0.5rem; margin-bottom: 0.4rem; overflow-wrap: anywhere; }
.cards small { font-weight: 400; color: var(--soft); }
.facts { display: grid; gap: 0.15rem; font-size: 0.85rem; }
.facts div { display: grid; grid-template-columns: 7rem 1fr; gap: 0.75rem; }
.facts.wide div { grid-template-columns: 10rem 1fr; }
.facts dt { color: var(--soft); }
.facts dd { overflow-wrap: anywhere; }
.unreadable { margin-top: 0.75rem; padding-left: 1.1rem; font-size: 0.85rem; overflow-wrap: anywhere; }
.meanings { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 0.9rem 2rem; font-size: 0.87rem; }
.meanings dt { font-weight: 600; }
.meanings dd { color: var(--soft); text-wrap: pretty; }

.bar {
  position: sticky;
  top: 0;
  z-index: 3;
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.5rem 1.25rem;
  margin: 0 calc(-1 * var(--side));
  padding: 0.55rem var(--side);
  background: color-mix(in oklab, var(--paper) 92%, transparent);
  backdrop-filter: blur(10px);
  border-block: 1px solid var(--line);
}
.bar nav { display: flex; gap: 0.25rem; margin-left: -0.7rem; }
.bar nav a { padding: 0.25rem 0.7rem; border-radius: 6px; text-decoration: none; color: var(--soft); }
.bar nav a:hover { color: var(--ink); }
.bar nav a[aria-current] { color: var(--ink); background: var(--wash); font-weight: 500; }
.bar input[type='search'] { flex: 1 1 12rem; max-width: 26rem; }
.display { display: flex; align-items: center; gap: 1rem; margin-left: auto; font-size: 0.87rem; }
.segments { display: flex; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; background: var(--raised); }
.segments label { cursor: pointer; }
.segments label + label { border-left: 1px solid var(--line); }
.segments span { display: block; white-space: nowrap; padding: 0.25rem 0.7rem; color: var(--soft); }
.segments input:checked + span { background: var(--ink); color: var(--paper); }
.segments label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: -2px; }
[data-view='pairs'] .display, [data-view='charts'] .display { display: none; }
.opacity { display: flex; align-items: center; gap: 0.5rem; color: var(--soft); }
.opacity input { width: 6rem; }
.opacity:has(:disabled) { opacity: 0.45; }

.filters { display: flex; flex-wrap: wrap; align-items: end; gap: 0.6rem 0.75rem; padding: 1rem 0 0.5rem; }
.field { display: grid; gap: 0.2rem; font-size: 0.87rem; min-width: 0; }
.field > span { font-size: 0.76rem; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.field select { max-width: 22rem; }
.field input { width: 5.4rem; }
.filters .quiet { height: 2.1rem; }
.filters .fold { display: none; }
.count { padding: 0.25rem 0 0.75rem; }
main { min-height: 80vh; }

article { padding: 1.5rem 0; border-top: 1px solid var(--line); }
.set-card { display: grid; grid-template-columns: 13.25rem minmax(0, 1fr); gap: 1rem 1.5rem; align-items: start; }
.rail { display: grid; gap: 0.75rem; justify-items: start; }
.card-head { display: flex; align-items: baseline; gap: 0.25rem; }
.card-head h3 a { font-family: var(--mono); font-size: 0.92rem; letter-spacing: -0.02em; font-weight: 600; }
.numbers { display: grid; grid-template-columns: auto auto; gap: 0 0.9rem; font-size: 0.87rem; }
.numbers div { display: contents; }
.numbers dt { color: var(--soft); }
.numbers dd { text-align: right; }
.rail > .numbers div:first-child dd { font-weight: 600; }
.pairwise { display: block; max-width: 100%; overflow-x: auto; font-size: 0.72rem; }
.pairwise caption { text-align: left; white-space: nowrap; font-size: 0.76rem; padding-bottom: 0.15rem; }
.pairwise th { color: var(--soft); font-weight: 400; text-align: center; min-width: 1rem; }
.pairwise td[style] {
  padding: 0.12rem 0.2rem;
  text-align: right;
  background: color-mix(in oklab, var(--mark) calc(var(--share) * 42%), transparent);
  border: 1px solid var(--paper);
}
.others { display: grid; gap: 0.5rem; list-style: none; padding: 0.4rem 0; font-size: 0.85rem; }
.others .numbers { font-size: 0.8rem; }
.others .units { display: grid; overflow-wrap: anywhere; }

.strip { --label: 9.5rem; --largest: 104px; overflow-x: auto; overscroll-behavior-x: contain; scrollbar-width: thin; }
.strip.large { --largest: 144px; }
.strip table { --thumb: clamp(72px, (var(--room) - var(--label)) / var(--across) - 5px, var(--largest)); }
.strip td { padding: 0 4px 4px 0; }
.strip tr:first-child td { padding-bottom: 8px; }
.strip th { position: sticky; left: 0; z-index: 1; background: var(--paper); width: var(--label); min-width: var(--label); padding-right: 1rem; vertical-align: middle; font-size: 0.87rem; color: var(--soft); font-weight: 400; counter-increment: row; }
.strip tbody { counter-reset: row -1; }
.unit-label { display: grid; text-decoration: none; line-height: 1.35; }
.unit-label .model { color: var(--soft); overflow-wrap: anywhere; }
tr .unit-label .model::before { content: counter(row) ' '; opacity: 0.75; }
.unit-label .unit { color: var(--ink); overflow-wrap: anywhere; text-decoration: underline transparent; text-underline-offset: 0.2em; }
.unit-label:hover .unit { color: var(--accent); text-decoration-color: currentColor; }
.strip.bare ul { display: flex; flex-wrap: wrap; gap: 0.75rem 2rem; list-style: none; font-size: 0.87rem; }
.strip.bare .note { padding-top: 0.5rem; }
.cell { position: relative; height: var(--thumb); background: var(--wash); border-radius: 2px; overflow: hidden; }
.cell img, .cell canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.cell img { color: transparent; }
.cell img.tiny { image-rendering: pixelated; }
.cell canvas { opacity: var(--map-opacity, 0.85); }
[data-map='image'] .cell canvas { display: none; }
/* The photo keeps its light and shade but lends its colours to the map; the row above has them. */
[data-map='overlay'] .cell:has(canvas) img { filter: saturate(0.35) brightness(0.9); }
.without-map img { opacity: 0.25; }
.absent { display: grid; place-items: center; height: 100%; padding: 0.25rem; font-size: 0.7rem; text-align: center; color: var(--soft); overflow: hidden; overflow-wrap: anywhere; }

.leaf { display: flex; gap: 1.25rem; padding: 1rem 0 0; font-size: 0.87rem; }
.leaf .off { color: var(--soft); opacity: 0.6; }
.page-head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 0.75rem; padding: 1.25rem 0 0.25rem; }
.page-head button { margin-left: -0.5rem; }
.page-head h2 { overflow-wrap: anywhere; }
main > div > .note, .page-head + .note { margin-bottom: 1.25rem; }

.pairs { width: 100%; font-size: 0.87rem; }
.pairs thead th { position: sticky; top: var(--bar, 3.25rem); z-index: 2; background: var(--paper); padding: 0; box-shadow: inset 0 -1px var(--strong-line); }
.pairs th[title], .pairs th:not(:has(button)) { padding: 0.4rem 0.5rem; color: var(--soft); }
.pairs th button { width: 100%; border: 0; border-radius: 0; background: none; padding: 0.4rem 0.5rem; color: var(--soft); text-align: inherit; white-space: nowrap; }
.pairs th button:hover { color: var(--ink); }
.pairs [aria-sort='ascending'] button, .pairs [aria-sort='descending'] button { color: var(--ink); font-weight: 600; }
.pairs [aria-sort='ascending'] button::after { content: ' ↑'; }
.pairs [aria-sort='descending'] button::after { content: ' ↓'; }
.pairs tbody td { height: 32px; padding: 0 0.5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
.pairs td.unit { overflow: hidden; text-overflow: ellipsis; max-width: 18rem; }
.pairs tbody tr:not(.spacer):hover { background: var(--wash); }
.pairs .unit a { text-decoration-color: transparent; }
.pairs .unit a:hover { text-decoration-color: currentColor; }

main > div > h2:not(.unseen) { padding-top: 1.75rem; }
.small-multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 1.75rem 2.5rem; }
figcaption { font-size: 0.87rem; font-weight: 500; padding-bottom: 0.25rem; }
.histogram { display: block; width: 100%; overflow: visible; }
.bars { fill: var(--mark); }
.null { fill: none; stroke: var(--null); stroke-width: 1.5; stroke-linejoin: round; }
.axis { stroke: var(--strong-line); }
.histogram text { font: 11px var(--sans); fill: var(--soft); }
.key { display: inline-block; width: 0.9em; height: 0.7em; background: var(--mark); margin-left: 0.5em; }
.key.null { height: 0; border-top: 2px solid var(--null); background: none; vertical-align: 0.25em; }
.matrix, .scrolled { overflow-x: auto; }
.matrix table { border-spacing: 2px; border-collapse: separate; font-size: 0.8rem; }
.matrix caption { text-align: left; padding: 0.5rem 0; }
.matrix tbody th { position: sticky; left: 0; background: var(--paper); padding-right: 0.6rem; text-align: right; font: 0.75rem var(--mono); color: var(--soft); white-space: nowrap; }
.matrix thead th { vertical-align: bottom; font: 0.75rem var(--mono); color: var(--soft); }
.matrix thead span { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); padding-top: 0.3rem; }
.matrix td { min-width: 2.6rem; height: 2rem; padding: 0; text-align: center; border-radius: 2px; }
.matrix tbody td { background: var(--wash); }
.matrix td a { display: grid; place-items: center; height: 100%; padding: 0 0.3rem; color: inherit; text-decoration: none; }
.matrix td:hover { outline: 2px solid var(--ink); }
.controls { font-size: 0.87rem; margin-top: 0.75rem; }
.controls :is(th, td) { padding: 0.3rem 1.5rem 0.3rem 0; border-bottom: 1px solid var(--line); }
.controls thead th { color: var(--soft); }
.controls .control :is(th, td) { color: var(--soft); }
.controls .control th { padding-left: 1.25rem; }

@media (max-width: 760px) {
  :root { --room: calc(100vw - 16px - var(--side)); }
  .set-card { grid-template-columns: minmax(0, 1fr); }
  .rail { grid-template-columns: auto 1fr; gap: 0.5rem 1.5rem; align-items: start; }
  .rail > .card-head, .rail > h4, .rail > .note, .rail > details { grid-column: 1 / -1; }
  .strip { --label: 6rem; --largest: 84px; margin-right: calc(-1 * var(--side)); }
  .strip.large { --largest: 96px; }
  .strip th { max-width: var(--label); padding-right: 0.6rem; font-size: 0.78rem; }
  /* The first row of the bar scrolls away; views and search stay. */
  .bar { top: -2.7rem; gap: 0.5rem; }
  .bar nav { margin-left: -0.4rem; gap: 0; }
  .bar nav a { padding-inline: 0.4rem; font-size: 0.87rem; }
  .bar input[type='search'] { flex: 1 1 6rem; }
  .display { flex: 0 0 100%; order: -1; height: 2.1rem; }
  .opacity span { display: none; }
  .opacity { min-width: 0; }
  [data-view='pairs'] .bar, [data-view='charts'] .bar { top: 0; }
  .controls th { min-width: 8.5rem; }
  .controls :is(th, td) { padding-right: 0.75rem; }
  .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(5rem, 1fr)); gap: 0.75rem; }
  .figures dd { font-size: 1.1rem; }
  .facts.wide div { grid-template-columns: 7rem 1fr; }
  .pairs, .pairs tbody, .pairs thead { display: block; }
  .pairs tr:not(.spacer) { display: grid; grid-template-columns: repeat(6, 1fr); align-items: baseline; padding: 0.35rem 0; border-bottom: 1px solid var(--line); }
  .pairs tr.spacer { display: block; }
  .pairs thead th { position: static; box-shadow: none; }
  .pairs :is(th, td):nth-child(-n + 2) { grid-column: span 3; }
  .pairs tbody td { height: auto; border: 0; padding: 0.1rem 0.25rem 0.1rem 0; font-size: 0.8rem; }
  .pairs th button, .pairs th { padding-inline: 0; font-size: 0.78rem; }
  .pairs .number { text-align: left; }
}
@media (max-width: 480px) {
  .filters .fold { display: block; height: 2.1rem; }
  .filters:not(.open) > :not(.fold) { display: none; }
  .filters.open .fold { flex-basis: 100%; }
  .field { flex: 1 1 6rem; }
  .field :is(select, input) { width: 100%; max-width: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .cell canvas { transition: opacity 120ms; }
}
@media print {
  .bar, .filters, .title button, .quiet { display: none; }
}
`;
