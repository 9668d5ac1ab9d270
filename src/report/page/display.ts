// How heatmaps are shown, for the whole page: over the image, alone, or not at all; and how strongly.
// It does not draw them; figure.ts does, and is told of changes.

import { h } from './dom.ts';

const modes = ['image', 'overlay', 'map'] as const;
export type MapMode = (typeof modes)[number];

const modeNames: Record<MapMode, string> = { image: 'Image', overlay: 'Overlay', map: 'Map only' };

interface Display {
  mode: MapMode;
  /** Of the maps over the image, in percent. */
  opacity: number;
}

export const display: Display = { mode: 'overlay', opacity: 85 };

const defaults = { ...display };

/** The settings as part of an address: empty where they are the usual ones. */
export const displayParams = (): Record<'map' | 'opacity', string> => ({
  map: display.mode === defaults.mode ? '' : display.mode,
  opacity: display.opacity === defaults.opacity ? '' : String(display.opacity),
});

/** Takes the settings from an address; what it does not name stays. */
export function readDisplay(params: Readonly<Record<string, string>>): void {
  display.mode = modes.find((mode) => mode === params.map) ?? display.mode;
  const opacity = Number.parseInt(params.opacity ?? '', 10);
  if (opacity >= 0 && opacity <= 100) display.opacity = opacity;
  applyDisplay();
}

function applyDisplay(): void {
  document.documentElement.dataset.map = display.mode;
  document.documentElement.style.setProperty(
    '--map-opacity',
    String(display.mode === 'map' ? 1 : display.opacity / 100),
  );
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name="map"]')) {
    input.checked = input.value === display.mode;
  }
  const range = document.querySelector<HTMLInputElement>('input[name="opacity"]');
  if (range) {
    range.value = String(display.opacity);
    range.disabled = display.mode !== 'overlay';
  }
}

/** The two controls. `changed` is called when the reader has moved one. */
export function displayControls(changed: (modeChanged: boolean) => void): HTMLElement {
  const choose = (mode: MapMode) => () => {
    display.mode = mode;
    applyDisplay();
    changed(true);
  };
  const slider = h('input', {
    type: 'range',
    name: 'opacity',
    min: 0,
    max: 100,
    step: 5,
    input: () => {
      display.opacity = Number(slider.value);
      applyDisplay();
      changed(false);
    },
  });
  return h(
    'div',
    { class: 'display' },
    h(
      'fieldset',
      { class: 'segments' },
      h('legend', { class: 'unseen' }, 'Heatmaps'),
      modes.map((mode) =>
        h(
          'label',
          {},
          h('input', { type: 'radio', name: 'map', value: mode, class: 'unseen', change: choose(mode) }),
          h('span', {}, modeNames[mode]),
        ),
      ),
    ),
    h('label', { class: 'opacity', title: 'Opacity of the heatmaps over the image' }, h('span', {}, 'Opacity'), slider),
  );
}
