/** The half where one asks: tools, words, balance, example picture. Keeps the page and the query alike. */

import { thumbnailUrl } from './api.js';
import { byId, h, toast } from './dom.js';
import { LEARNED_BALANCE } from './query.js';

/** @typedef {import('./query.js').Query} Query */
/** @typedef {import('./query.js').Picture} Picture */
/** @typedef {import('./pad.js').Pad} Pad */
/** @typedef {import('./pad.js').Tool} Tool */

export class Compose {
  /** @type {Picture | null} A picture that lies faintly under the drawing. */
  #traced = null;

  /** @param {Query} query @param {Pad} pad */
  constructor(query, pad) {
    this.query = query;
    this.pad = pad;
    this.text = /** @type {HTMLInputElement} */ (byId('text'));
    this.not = /** @type {HTMLInputElement} */ (byId('not'));
    this.balance = /** @type {HTMLInputElement} */ (byId('balance'));
    this.underlay = /** @type {HTMLImageElement} */ (byId('underlay'));
    this.#bindTools();
    this.#bindFields();
    query.addEventListener('change', () => this.show());
    this.show();
  }

  #bindTools() {
    const { query, pad } = this;
    for (const button of byId('tools').querySelectorAll('[data-tool]')) {
      button.addEventListener('click', () => this.choose(/** @type {HTMLElement} */ (button).dataset.tool ?? 'pen'));
    }
    byId('undo').addEventListener('click', () => query.drawing.undo());
    byId('redo').addEventListener('click', () => query.drawing.redo());
    byId('clear').addEventListener('click', () => this.clearDrawing());
    byId('save-drawing').addEventListener('click', () => this.#save());
    byId('pad-note-remove').addEventListener('click', () => this.removePicture());
    document.addEventListener('stbir:theme', () => pad.refresh());
  }

  #bindFields() {
    const { query, text, not, balance } = this;
    text.addEventListener('input', () => query.set({ text: text.value }, 'typing'));
    not.addEventListener('input', () => query.set({ not: not.value }, 'typing'));
    balance.addEventListener('input', () => query.set({ balance: Number(balance.value) }));
    balance.addEventListener('dblclick', () => query.set({ balance: LEARNED_BALANCE }));
    byId('example-remove').addEventListener('click', () => {
      query.set({ example: null });
      text.focus();
    });
  }

  /** @param {string} tool */
  choose(tool) {
    this.pad.tool = /** @type {Tool} */ (tool);
    for (const button of byId('tools').querySelectorAll('[data-tool]')) {
      button.setAttribute('aria-pressed', String(/** @type {HTMLElement} */ (button).dataset.tool === tool));
    }
  }

  clearDrawing() {
    this.query.drawing.clear();
    if (this.query.sketchPicture) this.query.set({ sketchPicture: null });
    this.choose('pen');
  }

  /** Lay a picture under the canvas; it is not searched for. @param {Picture} picture */
  trace(picture) {
    this.#traced = picture;
    this.choose('pen');
    this.show();
  }

  removePicture() {
    this.#traced = null;
    if (this.query.sketchPicture) this.query.set({ sketchPicture: null });
    this.show();
  }

  /** @param {number} by Steps towards the words. */
  nudgeBalance(by) {
    this.query.set({ balance: Math.min(100, Math.max(0, this.query.balance + by)) });
    toast(this.#balanceWords());
  }

  /** Show what the query says. */
  show() {
    const { query } = this;
    const { drawing } = query;
    /** @type {HTMLButtonElement} */ (byId('undo')).disabled = !drawing.canUndo;
    /** @type {HTMLButtonElement} */ (byId('redo')).disabled = !drawing.canRedo;
    /** @type {HTMLButtonElement} */ (byId('clear')).disabled = !query.hasSketch;
    /** @type {HTMLButtonElement} */ (byId('save-drawing')).disabled = drawing.isEmpty;
    if (this.text.value !== query.text) this.text.value = query.text;
    if (this.not.value !== query.not) this.not.value = query.not;
    this.balance.value = String(query.balance);
    this.balance.setAttribute('aria-valuetext', this.#balanceWords());
    byId('balance-box').toggleAttribute('data-idle', !query.isBalanced);
    this.#showPictures();
  }

  #balanceWords() {
    const { balance } = this.query;
    if (balance === LEARNED_BALANCE) return 'Drawing and words count alike';
    if (balance === 0) return 'The drawing alone';
    if (balance === 100) return 'The words alone';
    return `Drawing ${100 - balance} %, words ${balance} %`;
  }

  #showPictures() {
    const { query, underlay } = this;
    const below = query.sketchPicture ?? this.#traced;
    underlay.hidden = !below;
    if (below && underlay.getAttribute('src') !== below.url) underlay.src = below.url;
    underlay.toggleAttribute('data-is-query', query.sketchPicture !== null);
    byId('pad-note').hidden = !below;
    byId('pad-note-text').textContent = query.sketchPicture ? 'This picture is your drawing' : 'Drawing over a picture';
    byId('pad-hint').toggleAttribute('data-gone', query.hasSketch || below !== null);
    const { example } = query;
    byId('example-chip').hidden = !example;
    if (!example) return;
    const source = example.url || thumbnailUrl(example.id);
    const image = /** @type {HTMLImageElement} */ (byId('example-image'));
    if (image.getAttribute('src') !== source) image.src = source;
    byId('example-name').textContent = example.name;
  }

  /** The drawing as the file that the command line takes, with time and pressure. */
  #save() {
    const round = (/** @type {number} */ value) => Math.round(value * 100) / 100;
    const strokes = this.query.drawing.strokes.map((stroke) => stroke.map((point) => point.map(round)));
    const url = URL.createObjectURL(
      new Blob([JSON.stringify({ strokes, size: [1024, 1024] })], { type: 'application/json' }),
    );
    h('a', { href: url, download: 'drawing.json' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}
