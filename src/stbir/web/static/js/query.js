/**
 * What is asked: the drawing, words, words that must not match, an example picture, their balance, filters. The one
 * place that turns it into a request and into a link. Fires `change` with `detail.pace`, how soon an answer is due, and
 * `detail.isDrawn`, whether it was the drawing that changed.
 */

import { Drawing } from './drawing.js';
import { SHEET } from './geometry.js';
import { fromHash, toHash } from './link.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */
/** @typedef {'ink' | 'typing' | 'now'} Pace */
/** @typedef {{id: string, data: string, url: string, name: string}} Picture `id` of the gallery, or `data` (base64). */
/** @typedef {{folder?: string, orientation?: string, min_width?: string, min_score?: string, where?: string, copies?: string}} Filters */

/** The balance that the model learned. */
export const LEARNED_BALANCE = 50;

export class Query extends EventTarget {
  drawing = new Drawing();
  text = '';
  not = '';
  balance = LEARNED_BALANCE;
  /** @type {Picture | null} A picture that is searched for similar ones. */
  example = null;
  /** @type {Picture | null} A picture of a drawing, in place of strokes. */
  sketchPicture = null;
  /** @type {Filters} */
  filters = {};

  #isRestoring = false;

  constructor() {
    super();
    this.drawing.addEventListener('change', () => {
      if (!this.drawing.isEmpty) this.sketchPicture = null;
      this.#tell(this.drawing.isDrawing ? 'ink' : 'now', true);
    });
  }

  get hasSketch() {
    return !this.drawing.isEmpty || this.sketchPicture !== null;
  }

  get hasText() {
    return this.text.trim() !== '';
  }

  /** Whether there is nothing to search for. */
  get isEmpty() {
    return !this.hasSketch && !this.hasText && !this.example;
  }

  /** Whether the balance decides anything. */
  get isBalanced() {
    return this.hasSketch && this.hasText;
  }

  /**
   * Change some of it.
   * @param {Partial<Pick<Query, 'text' | 'not' | 'balance' | 'example' | 'sketchPicture' | 'filters'>>} fields
   * @param {Pace} [pace]
   */
  set(fields, pace = 'now') {
    Object.assign(this, fields);
    if (fields.sketchPicture) this.drawing.clear();
    this.#tell(pace);
  }

  clear() {
    this.restore('');
  }

  /** Weights as the service takes them; the middle is what the model learned, the ends leave one part out. */
  get weights() {
    if (!this.isBalanced) return {};
    const share = this.balance / 100;
    return { sketch: Math.min(1, 2 - 2 * share), text: Math.min(1, 2 * share) };
  }

  /** A search for all of it, without paging. @returns {Record<string, unknown>} */
  toBody() {
    return { ...this.toQuestion(), ...this.#filterFields() };
  }

  /** What is asked, whatever may be found. @returns {Record<string, unknown>} */
  toQuestion() {
    /** @type {Record<string, unknown>} */
    const body = {};
    if (this.sketchPicture) body.sketch_picture = this.sketchPicture.data;
    else if (!this.drawing.isEmpty) {
      body.strokes = this.drawing.strokes.map((stroke) => stroke.map(([x, y]) => [tenth(x), tenth(y)]));
      body.size = [SHEET, SHEET];
    }
    if (this.hasText) body.text = this.text.trim();
    if (this.not.trim()) body.not = this.not.trim();
    if (this.example) body.image = this.example.id || this.example.data;
    if (this.isBalanced) body.weights = this.weights;
    return body;
  }

  #filterFields() {
    const { folder, orientation, min_width, min_score, where, copies } = this.filters;
    /** @type {Record<string, unknown>} */
    const filters = {};
    if (folder) filters.folder = folder;
    if (orientation) filters.orientation = orientation;
    if (Number(min_width) > 0) filters.min_width = Number(min_width);
    /** @type {Record<string, unknown>} */
    const fields = { fold_duplicates: copies !== 'show' };
    if (Object.keys(filters).length) fields.filters = filters;
    if (Number(min_score) > 0) fields.min_score = Number(min_score);
    if (where?.trim()) fields.where = where.trim();
    return fields;
  }

  /** The query as a link's hash; pictures from disk are too large for a link and left out. */
  toHash() {
    return toHash({
      strokes: this.drawing.strokes,
      text: this.text.trim(),
      not: this.not.trim(),
      balance: this.balance,
      image: this.example?.id ?? '',
      filters: /** @type {Record<string, string>} */ (this.filters),
    });
  }

  /** Whether a link holds all of it. */
  get fitsIntoLink() {
    return !this.sketchPicture && (!this.example || this.example.id !== '');
  }

  /** Become what a link says. @param {string} hash */
  restore(hash) {
    const saved = fromHash(hash);
    this.#isRestoring = true;
    this.drawing.replace(saved.strokes);
    this.#isRestoring = false;
    this.set({
      text: saved.text,
      not: saved.not,
      balance: saved.balance,
      example: saved.image ? { id: saved.image, data: '', url: '', name: '' } : null,
      sketchPicture: null,
      filters: saved.filters,
    });
  }

  /** @param {Pace} pace @param {boolean} [isDrawn] Whether it was the drawing that changed. */
  #tell(pace, isDrawn = false) {
    if (!this.#isRestoring) this.dispatchEvent(new CustomEvent('change', { detail: { pace, isDrawn } }));
  }
}

const tenth = (/** @type {number} */ value) => Math.round(value * 10) / 10;
