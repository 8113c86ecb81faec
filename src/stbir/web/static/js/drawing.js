/**
 * The drawing: strokes on a square sheet of 1024 units, and the history of changes. Strokes are never changed in place,
 * so a state of the drawing is a list of strokes, and undo keeps lists. Knows no page: runs in a worker or in tests.
 *
 * Events: `ink` while a stroke grows, `change` whenever the strokes are others than before. The live stroke counts.
 */

import { cut, isTouched } from './geometry.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */
/** @typedef {import('./geometry.js').Point} Point */

const MAX_UNDO = 200;
/** What the service takes at most is 200,000 points; a page that sends that many is not quick any more. */
const MAX_POINTS = 20_000;
/** Points closer than this, in units of the sheet, add nothing that could be seen. */
const MIN_STEP = 1.5;

export class Drawing extends EventTarget {
  /** @type {Stroke[]} */
  #strokes = [];
  /** @type {Stroke | null} */
  #live = null;
  /** @type {Stroke[][]} */
  #past = [];
  /** @type {Stroke[][]} */
  #future = [];
  /** @type {Stroke[] | null} */
  #before = null;

  /** All strokes, the one being drawn last. @returns {Stroke[]} */
  get strokes() {
    return this.#live ? [...this.#strokes, this.#live] : this.#strokes;
  }

  get isEmpty() {
    return !this.#strokes.length && !this.#live;
  }

  get isDrawing() {
    return this.#live !== null;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  get numPoints() {
    return this.strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  }

  /** Start a stroke. @param {Point} point */
  begin(point) {
    this.end();
    this.#open();
    this.#live = [point];
    this.#tell('ink');
    this.#tell('change');
  }

  /**
   * Go on with the stroke; points that hardly moved and points over the limit are left out.
   * @param {Point[]} points
   */
  extend(points) {
    if (!this.#live) return;
    const length = this.#live.length;
    let room = MAX_POINTS - this.numPoints;
    for (const point of points) {
      const last = this.#live[this.#live.length - 1];
      const isFar = Math.hypot(point[0] - last[0], point[1] - last[1]) >= MIN_STEP;
      if (isFar && room-- > 0) this.#live.push(point);
    }
    if (this.#live.length === length) return;
    this.#tell('ink');
    this.#tell('change');
  }

  /** Finish the stroke. */
  end() {
    if (!this.#live) return;
    this.#strokes = [...this.#strokes, this.#live];
    this.#live = null;
    this.#close();
  }

  /** Drop the stroke being drawn, as if it had never begun. */
  cancel() {
    if (!this.#live) return;
    this.#live = null;
    this.#before = null;
    this.#tell('change');
  }

  /** Start erasing: everything until `endErase` is one step of undo. */
  beginErase() {
    this.end();
    this.#open();
  }

  /**
   * Erase along a way.
   * @param {Point} a @param {Point} b Where the tip was and is.
   * @param {number} radius Of the tip, in units of the sheet.
   * @param {boolean} isWhole Whether every stroke that is touched goes as a whole.
   */
  erase(a, b, radius, isWhole) {
    if (!this.#before) return;
    const left = isWhole
      ? this.#strokes.filter((stroke) => !isTouched(stroke, a, b, radius))
      : this.#strokes.flatMap((stroke) => cut(stroke, a, b, radius));
    if (left.length === this.#strokes.length && left.every((stroke, i) => stroke === this.#strokes[i])) return;
    this.#strokes = left;
    this.#tell('change');
  }

  endErase() {
    this.#close();
  }

  clear() {
    this.replace([]);
  }

  /** Put other strokes in place of all; one step of undo. @param {Stroke[]} strokes */
  replace(strokes) {
    this.end();
    if (!strokes.length && !this.#strokes.length) return;
    this.#open();
    this.#strokes = strokes;
    this.#close();
  }

  undo() {
    this.end();
    this.#step(this.#past, this.#future);
  }

  redo() {
    this.end();
    this.#step(this.#future, this.#past);
  }

  /** @param {Stroke[][]} from @param {Stroke[][]} to */
  #step(from, to) {
    const strokes = from.pop();
    if (!strokes) return;
    to.push(this.#strokes);
    this.#strokes = strokes;
    this.#tell('change');
  }

  #open() {
    this.#before = this.#strokes;
  }

  #close() {
    if (this.#before && this.#before !== this.#strokes) {
      this.#past.push(this.#before);
      if (this.#past.length > MAX_UNDO) this.#past.shift();
      this.#future = [];
    }
    this.#before = null;
    this.#tell('change');
  }

  /** @param {'ink' | 'change'} what */
  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
}
