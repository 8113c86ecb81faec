/** The first page: example queries that find something in this gallery, one tap away. A tapped one draws itself. */

import { byId, h, prefersReducedMotion } from './dom.js';
import { fitToSheet } from './geometry.js';
import { paintThumbnail } from './ink.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */
/** @typedef {import('./drawing.js').Drawing} Drawing */
/** @typedef {{title: string, text: string, strokes: Stroke[], size?: [number, number]}} Example */

const DRAWING_MS = 1100;
const LOOK = { sidePx: 170, lineShare: 0.02 };

/**
 * @param {Example[]} examples
 * @param {(strokes: Stroke[], text: string) => void} run
 */
export function showExamples(examples, run) {
  byId('examples').replaceChildren(...examples.slice(0, 3).map((example) => card(example, run)));
}

/** @param {Example} example @param {(strokes: Stroke[], text: string) => void} run */
function card({ title, text, strokes = [], size }, run) {
  const sheet = fitToSheet(strokes, size ?? null);
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  paintThumbnail(canvas, sheet, LOOK);
  document.addEventListener('stbir:theme', () => paintThumbnail(canvas, sheet, LOOK));
  return h(
    'button',
    { class: 'example', type: 'button', 'aria-label': `Try: ${text || title}`, onclick: () => run(sheet, text) },
    canvas,
    h('span', { class: 'example-words', dir: 'auto' }, text ? `“${text}”` : title),
    h('span', { class: 'example-go' }, 'Try it'),
  );
}

/**
 * Draw strokes as a hand would, within about a second, so that one sees the results follow. A key or a touch ends the
 * show and puts everything there at once; so does a wish for less motion.
 * @param {Drawing} drawing @param {Stroke[]} strokes @param {() => void} done
 */
export function drawByHand(drawing, strokes, done) {
  drawing.replace([]);
  const steps = strokes.flatMap((stroke) => stroke.map((point, index) => ({ point, isFirst: index === 0 })));
  const started = performance.now();
  let next = 0;
  const drawUntil = (/** @type {number} */ end) => {
    for (; next < end; next++) {
      if (steps[next].isFirst) drawing.begin(steps[next].point);
      else drawing.extend([steps[next].point]);
    }
  };
  const finish = () => {
    if (next < 0) return;
    drawUntil(steps.length);
    drawing.end();
    next = -1;
    document.removeEventListener('pointerdown', finish, true);
    document.removeEventListener('keydown', finish, true);
    done();
  };
  const frame = () => {
    if (next < 0) return;
    const share = Math.min(1, (performance.now() - started) / DRAWING_MS);
    drawUntil(Math.floor(share * steps.length));
    if (share < 1) requestAnimationFrame(frame);
    else finish();
  };
  document.addEventListener('pointerdown', finish, true);
  document.addEventListener('keydown', finish, true);
  if (prefersReducedMotion() || document.hidden) finish();
  else frame();
}
