/**
 * Searches made on this device, newest first: what was drawn, what was typed, and the link that brings it back. Kept in
 * this browser's storage; where that is switched off, for as long as the page lives.
 */

import { thumbnailUrl } from './api.js';
import { byId, h, icon } from './dom.js';
import { paintThumbnail } from './ink.js';
import { fromHash } from './link.js';

const STORE = 'stbir.history';
const MAX_ENTRIES = 40;

/** @typedef {{hash: string, when: number}} Entry */

export class History {
  /** @type {Entry[]} */
  #entries = load();

  /** @param {(hash: string) => void} restore */
  constructor(restore) {
    this.restore = restore;
    this.dialog = /** @type {HTMLDialogElement} */ (byId('history'));
    byId('history-clear').addEventListener('click', () => this.#set([]));
  }

  /** @param {string} hash Of the query's link; nothing is kept of an empty one. */
  add(hash) {
    if (!hash) return;
    const others = this.#entries.filter((entry) => entry.hash !== hash);
    this.#set([{ hash, when: Date.now() }, ...others].slice(0, MAX_ENTRIES));
  }

  open() {
    this.#show();
    this.dialog.showModal();
  }

  /** @param {Entry[]} entries */
  #set(entries) {
    this.#entries = entries;
    try {
      localStorage.setItem(STORE, JSON.stringify(entries));
    } catch {
      // Storage is full or switched off: the list lives with the page.
    }
    if (this.dialog.open) this.#show();
  }

  #show() {
    byId('history-list').replaceChildren(...this.#entries.map((entry) => this.#item(entry)));
    byId('history-empty').hidden = this.#entries.length > 0;
    byId('history-clear').hidden = this.#entries.length === 0;
  }

  /** @param {Entry} entry */
  #item({ hash, when }) {
    const { strokes, text, not, image } = fromHash(hash);
    const words = text || (image ? 'Pictures like one' : 'Drawing only');
    const open = () => {
      this.dialog.close();
      this.restore(hash);
    };
    return h(
      'li',
      {},
      h(
        'button',
        { class: 'history-item', type: 'button', onclick: open },
        sign(strokes, image),
        h(
          'span',
          { class: 'history-words' },
          h('bdi', {}, words),
          not ? h('small', {}, 'not ', h('bdi', {}, not)) : null,
          h('small', {}, new Date(when).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })),
        ),
      ),
    );
  }
}

/**
 * What stands before a search in the list: its drawing, its example, or a sign for words.
 * @param {import('./geometry.js').Stroke[]} strokes @param {string} image
 */
function sign(strokes, image) {
  if (strokes.length) {
    const canvas = h('canvas', { 'aria-hidden': 'true' });
    paintThumbnail(canvas, strokes, { sidePx: 56, lineShare: 0.03 });
    return canvas;
  }
  return image ? h('img', { src: thumbnailUrl(image), alt: '' }) : h('span', { class: 'history-icon' }, icon('words'));
}

/** @returns {Entry[]} */
function load() {
  try {
    const entries = JSON.parse(localStorage.getItem(STORE) ?? '[]');
    return Array.isArray(entries) ? entries.filter(isEntry).slice(0, MAX_ENTRIES) : [];
  } catch {
    return [];
  }
}

/** @param {any} entry */
const isEntry = (entry) => typeof entry?.hash === 'string' && typeof entry?.when === 'number';
