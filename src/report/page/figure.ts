// The figure of a Rosetta set: its images, and below them the map of each unit over the same images.
// It does not show numbers of the set; setcard.ts does.

import type { Report } from './data.ts';
import type { UnitNumber } from '../payload.ts';
import { display } from './display.ts';
import { h } from './dom.ts';
import { paint } from './heatmap.ts';
import { imageUrl } from './images.ts';
import { hashOf } from './route.ts';

/** Work that waits for a free moment: a few milliseconds of it each frame, so that scrolling stays smooth. */
const waiting: (() => void)[] = [];
let awake = false;

function work(): void {
  const end = performance.now() + 6;
  while (waiting.length > 0 && performance.now() < end) waiting.shift()?.();
  if (waiting.length > 0) requestAnimationFrame(work);
  else awake = false;
}

function whenFree(job: () => void): void {
  waiting.push(job);
  if (awake) return;
  awake = true;
  requestAnimationFrame(work);
}

/** How to draw each canvas in the document again. */
const painters = new WeakMap<HTMLCanvasElement, () => void>();

/** Draws all heatmaps again, for after a change of the way they are shown. */
export function repaint(): void {
  for (const canvas of document.querySelectorAll<HTMLCanvasElement>('canvas.heat')) painters.get(canvas)?.();
}

/** An image, with a canvas over it for the map of a unit, if any. */
function cell(report: Report, image: number, unit: UnitNumber | null): HTMLElement {
  const { name, width, height } = report.packed.images[image];
  // Sharp pixels say what a tiny image is; smooth ones would make up detail that no network saw.
  const picture = h('img', { alt: name, title: name, class: width <= 64 ? 'tiny' : null, decoding: 'async' });
  const frame = h('div', { class: 'cell', style: `aspect-ratio: ${width} / ${height}` }, picture);
  void imageUrl(report, image).then((url) => {
    if (url) picture.src = url;
    else frame.replaceChildren(h('span', { class: 'absent', title: 'This image is not in the report' }, name));
  });
  if (unit === null) return frame;

  const maps = report.mapsOf(unit);
  const position = maps?.images.indexOf(image) ?? -1;
  if (!maps || position < 0) {
    frame.classList.add('without-map');
    frame.title = 'The map of this unit for this image is not in the report';
    return frame;
  }
  const canvas = h('canvas', { class: 'heat', 'aria-hidden': 'true' });
  frame.append(canvas);
  const size = maps.height * maps.width;
  void report.maps.read(maps.offset + position * size, size).then((bytes) => {
    const map = { bytes, height: maps.height, width: maps.width };
    const draw = () => paint(canvas, map, width / height, report.colours, display.mode === 'map');
    painters.set(canvas, draw);
    whenFree(() => canvas.isConnected && draw());
  });
  return frame;
}

/** The name of a unit, in two lines, linked to its page. */
function unitLabel(report: Report, unit: UnitNumber): HTMLElement {
  const { model, layer, index } = report.units.parts(unit);
  const { name, layers } = report.packed.models[model];
  return h(
    'a',
    { href: unitHash(report, unit), class: 'unit-label' },
    h('span', { class: 'model' }, name),
    h('span', { class: 'unit' }, layers[layer].layer, h('wbr'), `/${index}`),
  );
}

/** The address of a unit's page. */
export function unitHash(report: Report, unit: UnitNumber): string {
  const { model, layer, index } = report.units.parts(unit);
  const { name, layers } = report.packed.models[model];
  return hashOf('unit', [name, layers[layer].layer, String(index)]);
}

/**
 * A table with a column for each image and a row for each unit, below a row of the images themselves.
 * @param size 'small' in lists, 'large' on a page of its own
 */
export function mapFigure(
  report: Report,
  units: readonly UnitNumber[],
  images: readonly number[],
  caption: string,
  size: 'small' | 'large' = 'small',
): HTMLElement {
  if (images.length === 0) {
    return h(
      'div',
      { class: 'strip bare' },
      h(
        'ul',
        { 'aria-label': caption },
        units.map((unit) => h('li', {}, unitLabel(report, unit))),
      ),
      report.packed.hasExemplars && h('p', { class: 'note' }, 'No example images were kept for it.'),
    );
  }
  const row = (label: HTMLElement | string, unit: UnitNumber | null) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, label),
      images.map((image) => h('td', {}, cell(report, image, unit))),
    );
  const aspect = images.reduce(
    (sum, image) => sum + report.packed.images[image].width / report.packed.images[image].height,
    0,
  );
  return h(
    'div',
    { class: `strip ${size}`, tabindex: 0, role: 'group', 'aria-label': caption, style: `--across: ${aspect}` },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, caption),
      h(
        'tbody',
        {},
        row('Image', null),
        units.map((unit) => row(unitLabel(report, unit), unit)),
      ),
    ),
  );
}
