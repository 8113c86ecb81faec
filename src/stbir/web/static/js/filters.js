/** Filters: which pictures may be found at all. Built of what the gallery knows. */

import { byId, h } from './dom.js';

/** @typedef {import('./query.js').Query} Query */
/** @typedef {import('./query.js').Filters} Values */

const ORIENTATIONS = { '': 'Any shape', landscape: 'Landscape', portrait: 'Portrait', square: 'Square' };

export class FilterForm {
  /** @param {Query} query */
  constructor(query) {
    this.query = query;
    this.form = /** @type {HTMLFormElement} */ (byId('filters'));
    this.button = byId('filter-button');
    this.button.addEventListener('click', () => this.toggle());
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', () => query.set({ filters: this.#values() }, 'typing'));
    this.form.addEventListener('reset', (event) => {
      event.preventDefault();
      query.set({ filters: {} });
    });
    this.build([], []);
  }

  /** @param {{id: string, name: string, num_pictures?: number}[]} folders @param {string[]} columns Of the catalogue. */
  build(folders, columns) {
    const option = (/** @type {string} */ value, /** @type {string} */ label) => h('option', { value }, label);
    const folder = h(
      'select',
      { name: 'folder' },
      option('', 'All folders'),
      ...folders.map(({ id, name }) => option(id, name)),
    );
    const orientation = h(
      'select',
      { name: 'orientation' },
      ...Object.entries(ORIENTATIONS).map(([value, label]) => option(value, label)),
    );
    const number = (/** @type {string} */ name, /** @type {string} */ step, /** @type {string} */ max) =>
      h('input', { name, type: 'number', min: '0', max, step, inputmode: 'decimal', placeholder: 'any' });
    this.form.replaceChildren(
      ...(folders.length > 1 ? [h('label', {}, 'Folder', folder)] : []),
      h('label', {}, 'Shape', orientation),
      h('label', {}, 'At least wide, px', number('min_width', '1', '100000')),
      h('label', {}, 'Score at least', number('min_score', '0.05', '1')),
      ...(columns.length ? [h('label', { class: 'is-wide' }, 'Condition', this.#whereInput(columns))] : []),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'copies', value: 'show' }), 'Show copies'),
      h('button', { class: 'quiet', type: 'reset' }, 'Reset'),
    );
    this.show();
  }

  /** @param {string[]} columns */
  #whereInput(columns) {
    return h('input', {
      name: 'where',
      type: 'text',
      dir: 'ltr',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: "path LIKE '%boots%'",
      title: `SQL over ${columns.join(', ')}`,
    });
  }

  /** Show what the query says. */
  show() {
    const filters = /** @type {Record<string, string | undefined>} */ (this.query.filters);
    for (const field of this.form.querySelectorAll('input, select')) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) continue;
      if (field.type === 'checkbox')
        /** @type {HTMLInputElement} */ (field).checked = filters[field.name] === field.value;
      else if (document.activeElement !== field) field.value = filters[field.name] ?? '';
    }
    const count = Object.values(filters).filter(Boolean).length;
    const badge = byId('filter-count');
    badge.hidden = count === 0;
    badge.textContent = String(count);
  }

  toggle(isOpen = this.form.hidden) {
    this.form.hidden = !isOpen;
    this.button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) this.form.querySelector('select')?.focus();
  }

  /** @returns {Values} */
  #values() {
    const values = [...new FormData(this.form)].map(([name, value]) => [name, String(value).trim()]);
    return Object.fromEntries(values.filter(([, value]) => value));
  }
}
