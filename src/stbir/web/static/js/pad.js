/**
 * The canvas as an input: mouse, touch, pen and keys become strokes of the drawing, or wipe them out.
 * While a pen is in use, touch is the heel of a hand and ignored; two fingers are no line.
 */

import { announce } from './dom.js';
import { SHEET } from './geometry.js';
import { Ink } from './ink.js';

/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {'pen' | 'eraser' | 'stroke-eraser'} Tool */

const PALM_MS = 1000;
const ERASER_RADIUS = 26;
const STROKE_ERASER_RADIUS = 10;
const ERASER_BUTTON = 32;
const STEP = { plain: 16, large: 64, small: 4 };

export class Pad {
  /** @type {Tool} */
  #tool = 'pen';
  /** @type {{id: number, tool: Tool, last: Point, box: DOMRect, started: number, type: string} | null} */
  #gesture = null;
  #lastPen = -Infinity;
  /** @type {Point} */
  #cursor = [SHEET / 2, SHEET / 2];
  #isKeyDown = false;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} tip Follows the eraser and the keyboard's pen.
   * @param {import('./drawing.js').Drawing} drawing
   */
  constructor(canvas, tip, drawing) {
    this.canvas = canvas;
    this.tip = tip;
    this.drawing = drawing;
    this.ink = new Ink(canvas, 0.0156);
    this.#listen();
    new ResizeObserver(() => this.refresh()).observe(canvas);
  }

  get tool() {
    return this.#tool;
  }

  /** @param {Tool} tool */
  set tool(tool) {
    this.#stopKeyStroke();
    this.#tool = tool;
    this.canvas.dataset.tool = tool;
    this.tip.dataset.tool = tool;
    this.#placeTip();
  }

  /** Width of a line as a share of the sheet, as the model sees it. @param {number} share */
  setLineShare(share) {
    if (share > 0 && share < 0.2) this.ink.lineShare = share;
    this.refresh();
  }

  /** Paint everything anew, for another size or theme. */
  refresh() {
    this.ink.resize(this.drawing.strokes);
    this.#placeTip();
  }

  #listen() {
    const { canvas, drawing } = this;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#cancel(event));
    canvas.addEventListener('pointerleave', () => this.#hideTip());
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('focus', () => this.#placeTip());
    canvas.addEventListener('blur', () => {
      this.#stopKeyStroke();
      this.#hideTip();
    });
    drawing.addEventListener('ink', () => this.ink.grow(drawing.strokes[drawing.strokes.length - 1]));
    drawing.addEventListener('change', () => {
      if (drawing.isDrawing) return;
      this.ink.finish();
      this.#repaintSoon();
    });
  }

  /** Erasing changes the strokes many times between two frames; one painting is enough. */
  #repaintSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { strokes, isDrawing } = this.drawing;
      this.ink.repaint(strokes);
      if (isDrawing) this.ink.grow(strokes[strokes.length - 1]);
    });
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.#isPalm(event) || (event.button !== 0 && !(event.buttons & ERASER_BUTTON))) return;
    if (this.#gesture) {
      if (event.pointerType === 'touch') this.#abort();
      return;
    }
    event.preventDefault();
    this.canvas.focus({ preventScroll: true, focusVisible: false });
    this.#stopKeyStroke();
    this.canvas.setPointerCapture(event.pointerId);
    const tool = event.buttons & ERASER_BUTTON ? 'eraser' : this.#tool;
    const box = this.canvas.getBoundingClientRect();
    const started = event.timeStamp;
    this.#gesture = { id: event.pointerId, tool, last: [0, 0], box, started, type: event.pointerType };
    const point = this.#pointOf(event);
    this.#gesture.last = point;
    if (tool === 'pen') this.drawing.begin(point);
    else {
      this.drawing.beginErase();
      this.#eraseTo(point);
    }
    this.#followWith(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerType === 'pen') this.#lastPen = event.timeStamp;
    this.#followWith(event);
    if (event.pointerId !== this.#gesture?.id) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).map((each) => this.#pointOf(each));
    if (this.#gesture.tool === 'pen') this.drawing.extend(points);
    else for (const point of points) this.#eraseTo(point);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId !== this.#gesture?.id) return;
    const { tool } = this.#gesture;
    this.#gesture = null;
    if (tool === 'pen') this.drawing.end();
    else this.drawing.endErase();
    if (event.pointerType !== 'mouse') this.#hideTip();
  }

  /** @param {PointerEvent} event */
  #cancel(event) {
    if (event.pointerId === this.#gesture?.id) this.#abort();
  }

  #abort() {
    this.#gesture = null;
    this.drawing.cancel();
    this.drawing.endErase();
  }

  /** @param {PointerEvent} event */
  #isPalm(event) {
    if (event.pointerType === 'pen') {
      this.#lastPen = event.timeStamp;
      if (this.#gesture?.type === 'touch') this.#abort();
    }
    return event.pointerType === 'touch' && event.timeStamp - this.#lastPen < PALM_MS;
  }

  /** @param {Point} point */
  #eraseTo(point) {
    if (!this.#gesture) return;
    const isWhole = this.#gesture.tool === 'stroke-eraser';
    this.drawing.erase(this.#gesture.last, point, isWhole ? STROKE_ERASER_RADIUS : ERASER_RADIUS, isWhole);
    this.#gesture.last = point;
  }

  /** @param {PointerEvent} event @returns {Point} */
  #pointOf(event) {
    const gesture = this.#gesture;
    const box = gesture?.box ?? this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SHEET;
    const y = ((event.clientY - box.top) / box.height) * SHEET;
    const point = [x, y, Math.max(0, Math.round(event.timeStamp - (gesture?.started ?? 0)))];
    if (event.pointerType === 'pen') point.push(event.pressure);
    return point;
  }

  // Keys: arrows move a pen over the sheet, space sets it down and lifts it.

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) this.#moveCursor(move, event.shiftKey ? STEP.large : event.altKey ? STEP.small : STEP.plain);
    else if (event.key === ' ' || event.key === 'Enter') this.#toggleKeyStroke();
    else if (event.key === 'Escape' && this.#isKeyDown) this.#stopKeyStroke();
    else if (event.key === 'Backspace') this.drawing.undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number[]} move @param {number} step */
  #moveCursor([dx, dy], step) {
    const from = this.#cursor;
    const within = (/** @type {number} */ value) => Math.min(SHEET, Math.max(0, value));
    this.#cursor = [within(from[0] + dx * step), within(from[1] + dy * step)];
    if (this.#isKeyDown && this.#tool === 'pen') this.drawing.extend([this.#cursor]);
    else if (this.#isKeyDown) {
      const isWhole = this.#tool === 'stroke-eraser';
      this.drawing.erase(from, this.#cursor, isWhole ? STROKE_ERASER_RADIUS : ERASER_RADIUS, isWhole);
    }
    this.#placeTip();
  }

  #toggleKeyStroke() {
    if (this.#isKeyDown) {
      this.#stopKeyStroke();
      announce('Pen up');
      return;
    }
    this.#isKeyDown = true;
    if (this.#tool === 'pen') this.drawing.begin(this.#cursor);
    else this.drawing.beginErase();
    this.#placeTip();
    announce('Pen down');
  }

  #stopKeyStroke() {
    if (!this.#isKeyDown) return;
    this.#isKeyDown = false;
    this.drawing.end();
    this.drawing.endErase();
    this.#placeTip();
  }

  #placeTip() {
    const isKeyboard = this.canvas.matches(':focus-visible') && !this.#gesture;
    this.tip.toggleAttribute('data-keyboard', isKeyboard);
    this.tip.toggleAttribute('data-down', this.#isKeyDown);
    if (isKeyboard) this.#showTip(this.#cursor);
    else this.#hideTip();
  }

  /** @param {PointerEvent} event */
  #followWith(event) {
    const tool = this.#gesture?.tool ?? this.#tool;
    if (tool === 'pen') return;
    this.tip.removeAttribute('data-keyboard');
    this.#showTip(this.#pointOf(event));
  }

  /** @param {Point} point */
  #showTip([x, y]) {
    const scale = this.canvas.clientWidth / SHEET;
    this.tip.hidden = false;
    this.tip.style.transform = `translate(${x * scale}px, ${y * scale}px)`;
    this.tip.style.setProperty(
      '--tip-px',
      `${2 * scale * (this.#tool === 'eraser' ? ERASER_RADIUS : STROKE_ERASER_RADIUS)}px`,
    );
  }

  #hideTip() {
    this.tip.hidden = true;
  }
}
