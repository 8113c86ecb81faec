/**
 * Strokes on a canvas. While a stroke grows only its new end is painted, so that a move costs the same however much is
 * drawn already; everything is painted anew only when it changed otherwise. Lines have one width, the one that the
 * model sees; a pen's pressure shows as a lighter line.
 */

import { SHEET } from './geometry.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */

const SHADES = 4;

export class Ink {
  /** @type {Stroke | null} */
  #growing = null;
  #numPainted = 0;
  /** @type {string[]} */
  #shades = [];

  /** @param {HTMLCanvasElement} canvas Square. @param {number} lineShare Width of a line as a share of its side. */
  constructor(canvas, lineShare) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.lineShare = lineShare;
  }

  /** Fit the canvas to its place on the page and the screen's pixels. @param {Stroke[]} strokes */
  resize(strokes) {
    const side = Math.max(1, Math.round(this.canvas.clientWidth * (window.devicePixelRatio || 1)));
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    this.#shades = shadesOf(this.canvas);
    this.repaint(strokes);
  }

  /** @param {Stroke[]} strokes */
  repaint(strokes) {
    this.#growing = null;
    this.#prepare();
    this.context.clearRect(0, 0, SHEET, SHEET);
    for (const stroke of strokes) {
      if (isShaded(stroke)) this.#paintGrowth(stroke, 0, true);
      else paintWhole(this.context, stroke, this.#shades[SHADES - 1]);
    }
  }

  /** Paint what is new of the stroke being drawn. @param {Stroke} stroke */
  grow(stroke) {
    if (this.#growing !== stroke) {
      this.#growing = stroke;
      this.#numPainted = 0;
      this.#prepare();
    }
    this.#numPainted = this.#paintGrowth(stroke, this.#numPainted, false);
  }

  /** Paint the last half step of the stroke being drawn. */
  finish() {
    if (this.#growing) this.#paintGrowth(this.#growing, this.#numPainted, true);
    this.#growing = null;
  }

  #prepare() {
    prepare(this.context, this.canvas.width / SHEET, this.lineShare * SHEET);
  }

  /**
   * Paint a stroke piece by piece: from the middle between two points to the next middle, bent by the point between.
   * @param {Stroke} stroke @param {number} from Points painted before. @param {boolean} isWhole Also the last half step.
   * @returns {number} Points painted now.
   */
  #paintGrowth(stroke, from, isWhole) {
    const { context } = this;
    let painted = from;
    if (!painted) {
      context.fillStyle = this.#shadeOf(stroke[0]);
      dot(context, stroke[0]);
      painted = 1;
    }
    for (; painted < stroke.length - 1; painted++) {
      const [before, point, after] = [stroke[painted - 1], stroke[painted], stroke[painted + 1]];
      context.strokeStyle = this.#shadeOf(point);
      context.beginPath();
      if (painted === 1) context.moveTo(before[0], before[1]);
      else context.moveTo((before[0] + point[0]) / 2, (before[1] + point[1]) / 2);
      context.quadraticCurveTo(point[0], point[1], (point[0] + after[0]) / 2, (point[1] + after[1]) / 2);
      context.stroke();
    }
    if (isWhole && stroke.length > 1) {
      const [before, last] = stroke.slice(-2);
      const isOnlyStep = stroke.length === 2;
      context.strokeStyle = this.#shadeOf(last);
      context.beginPath();
      context.moveTo(
        isOnlyStep ? before[0] : (before[0] + last[0]) / 2,
        isOnlyStep ? before[1] : (before[1] + last[1]) / 2,
      );
      context.lineTo(last[0], last[1]);
      context.stroke();
    }
    return painted;
  }

  /** @param {number[]} point */
  #shadeOf(point) {
    const level = point.length > 3 ? Math.floor(Math.min(0.999, Math.max(0, point[3] * 1.6)) * SHADES) : SHADES - 1;
    return this.#shades[level];
  }
}

/**
 * Paint a drawing small, for lists.
 * @param {HTMLCanvasElement} canvas
 * @param {Stroke[]} strokes
 * @param {{sidePx?: number, lineShare?: number, colourOf?: (index: number) => string}} [look]
 */
export function paintThumbnail(canvas, strokes, { sidePx = 96, lineShare = 0.022, colourOf } = {}) {
  const side = Math.round(sidePx * (window.devicePixelRatio || 1));
  canvas.width = canvas.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  prepare(context, side / SHEET, lineShare * SHEET);
  const ink = shadesOf(document.documentElement)[SHADES - 1];
  strokes.forEach((stroke, index) => paintWhole(context, stroke, colourOf ? colourOf(index) : ink));
}

/** @param {CanvasRenderingContext2D} context @param {number} scale @param {number} width */
function prepare(context, scale, width) {
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.lineWidth = width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
}

/** @param {CanvasRenderingContext2D} context @param {Stroke} stroke @param {string} colour */
function paintWhole(context, stroke, colour) {
  context.strokeStyle = context.fillStyle = colour;
  if (stroke.length === 1) {
    dot(context, stroke[0]);
    return;
  }
  context.beginPath();
  context.moveTo(stroke[0][0], stroke[0][1]);
  for (let i = 1; i < stroke.length - 1; i++) {
    const [point, after] = [stroke[i], stroke[i + 1]];
    context.quadraticCurveTo(point[0], point[1], (point[0] + after[0]) / 2, (point[1] + after[1]) / 2);
  }
  const last = stroke[stroke.length - 1];
  context.lineTo(last[0], last[1]);
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {number[]} point */
function dot(context, point) {
  context.beginPath();
  context.arc(point[0], point[1], context.lineWidth / 2, 0, 2 * Math.PI);
  context.fill();
}

/** @param {Stroke} stroke */
const isShaded = (stroke) => stroke.some((point) => point.length > 3);

/** The theme's colours of ink, light to full. @param {Element} element */
function shadesOf(element) {
  const style = getComputedStyle(element);
  return Array.from({ length: SHADES }, (_, i) => style.getPropertyValue(`--ink-${i + 1}`).trim() || '#000');
}
