/**
 * Why this hit: heat maps over the picture for the drawing and for the words, and which strokes and words mattered.
 */

import { h } from './dom.js';
import { paintThumbnail } from './ink.js';

/** @typedef {import('./api.js').HeatMap} HeatMap */
/** @typedef {import('./api.js').Reason} Reason */
/** @typedef {import('./geometry.js').Stroke} Stroke */

const STRONGEST = 0.78;

/**
 * Paint a heat map: the colour of its part, strong where the picture fits.
 * @param {HTMLCanvasElement} canvas Laid over the picture by the style sheet.
 * @param {HeatMap} map
 * @param {string} colour Of the part, as in the style sheet: `#rrggbb`.
 */
export function paintHeat(canvas, map, colour) {
  const { rows, columns, values } = map;
  const small = document.createElement('canvas');
  small.width = columns;
  small.height = rows;
  const pixels = new ImageData(columns, rows);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  values.flat().forEach((value, index) => {
    const strength = Math.min(1, Math.max(0, value));
    pixels.data.set([red, green, blue, 255 * STRONGEST * strength ** 1.4], 4 * index);
  });
  /** @type {CanvasRenderingContext2D} */ (small.getContext('2d')).putImageData(pixels, 0, 0);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  canvas.width = 32 * columns;
  canvas.height = 32 * rows;
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/**
 * The drawing with the strokes that mattered most in full colour, those that spoke against the picture in grey.
 * @param {Stroke[]} strokes @param {number[]} weights One a stroke, -1..1.
 */
export function strokePicture(strokes, weights) {
  const canvas = h('canvas', { class: 'why-strokes', role: 'img', 'aria-label': strokeSummary(weights) });
  const style = getComputedStyle(document.documentElement);
  const [sketch, pale] = ['--sketch', '--ink-1'].map((name) => style.getPropertyValue(name).trim());
  const strongest = Math.max(...weights.map(Math.abs), 1e-6);
  paintThumbnail(canvas, strokes, {
    sidePx: 150,
    colourOf: (index) => {
      const weight = (weights[index] ?? 0) / strongest;
      return weight > 0.15 ? mixed(pale, sketch, 0.35 + 0.65 * weight) : pale;
    },
  });
  return canvas;
}

/** @param {number[]} weights */
function strokeSummary(weights) {
  const most = weights.indexOf(Math.max(...weights));
  return `Your drawing; of ${weights.length} strokes, number ${most + 1} mattered most`;
}

/** The words, those that mattered most marked strongest. @param {string} text @param {Reason['words']} words */
export function wordLine(text, words) {
  const line = h('p', { class: 'why-words', dir: 'auto' });
  const strongest = Math.max(...words.map(({ weight }) => Math.abs(weight)), 1e-6);
  let at = 0;
  for (const { start, end, weight } of [...words].sort((a, b) => a.start - b.start)) {
    if (start < at || end > text.length) continue;
    const mark = h('mark', { title: `Weight ${weight.toFixed(2)}` }, text.slice(start, end));
    const share = weight / strongest;
    mark.style.setProperty('--strength', `${Math.round(100 * Math.max(0, share))}%`);
    mark.toggleAttribute('data-against', share < -0.1);
    line.append(text.slice(at, start), mark);
    at = end;
  }
  line.append(text.slice(at));
  return line;
}

/** @param {string} from @param {string} to `#rrggbb` both. @param {number} share */
function mixed(from, to, share) {
  const channels = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((colour) => parseInt(colour.slice(at, at + 2), 16));
    return Math.round(a + (b - a) * Math.min(1, share));
  });
  return `rgb(${channels.join(' ')})`;
}
