// Controls whose values are settings of the address: each control's name is the setting's.
// A form has no state of its own; what it shows is filled in from the address.

import { h, type Attributes, type Child } from './dom.ts';

export type Params = Readonly<Record<string, string>>;

export interface Choice {
  readonly value: string;
  readonly text: string;
}

/** A form of filters. Where the window is narrow it is folded away behind a button. */
export function filterForm(label: string, input: (event: Event) => void, ...fields: Child[]): HTMLFormElement {
  const attributes: Attributes = {
    class: 'filters',
    'aria-label': label,
    submit: (event) => event.preventDefault(),
    input,
  };
  const fold = h('button', { type: 'button', class: 'fold', 'aria-expanded': 'false', click: () => turn() }, 'Filters');
  const form = h('form', attributes, fold, fields);
  const turn = () => fold.setAttribute('aria-expanded', String(form.classList.toggle('open')));
  return form;
}

export function selectField(name: string, label: string, choices: readonly Choice[]): HTMLElement {
  return h('label', { class: 'field' }, h('span', {}, label), h('select', { name }, options(choices)));
}

const options = (choices: readonly Choice[]): HTMLElement[] =>
  choices.map(({ value, text }) => h('option', { value }, text));

/** Gives a select other choices; its value stays where there is a choice for it. */
export function setChoices(select: HTMLSelectElement, choices: readonly Choice[]): void {
  const value = select.value;
  select.replaceChildren(...options(choices));
  select.value = choices.some((choice) => choice.value === value) ? value : '';
}

/** Fields for the limits on r, excess r, held-out r and q. */
export function limitFields(): HTMLElement[] {
  const field = (name: string, label: string, title: string, step: string) =>
    h(
      'label',
      { class: 'field', title },
      h('span', {}, label),
      h('input', {
        name,
        type: 'number',
        min: name === 'q' ? 0 : -1,
        max: 1,
        step,
        inputmode: 'decimal',
        placeholder: 'any',
      }),
    );
  return [
    field('r', 'r ≥', 'Smallest r', '0.05'),
    field('excess', 'Excess ≥', 'Smallest excess r: r less r under the null', '0.05'),
    field('heldOut', 'Held out ≥', 'Smallest r on the images that did not choose the pair', '0.05'),
    field('q', 'q ≤', 'Largest q-value', '0.01'),
  ];
}

type Control = HTMLInputElement | HTMLSelectElement;

const controls = (form: HTMLFormElement): Control[] => [...form.querySelectorAll<Control>('input[name], select[name]')];

/** Shows the settings in the form. Does not touch the control that the reader is typing in. */
export function fillForm(form: HTMLFormElement, params: Params): void {
  for (const control of controls(form)) {
    if (control !== document.activeElement || control instanceof HTMLSelectElement)
      control.value = params[control.name] ?? '';
  }
}

/** The form's settings; those that are empty are left out. */
export function readForm(form: HTMLFormElement): Params {
  return Object.fromEntries(
    controls(form)
      .filter((control) => control.value !== '')
      .map((control) => [control.name, control.value]),
  );
}
