/** The first page: example queries that find something in this gallery, one tap away. */

import { byId, h } from './dom.js';
import { fitToSheet } from './geometry.js';
import { paintThumbnail } from './ink.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */
/** @typedef {{title: string, text: string, strokes: Stroke[], size?: [number, number]}} Example */

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
  paintThumbnail(canvas, sheet, { sidePx: 170, lineShare: 0.02 });
  document.addEventListener('stbir:theme', () => paintThumbnail(canvas, sheet, { sidePx: 170, lineShare: 0.02 }));
  return h(
    'button',
    { class: 'example', type: 'button', 'aria-label': `Try: ${text || title}`, onclick: () => run(sheet, text) },
    canvas,
    h('span', { class: 'example-words', dir: 'auto' }, text ? `“${text}”` : title),
    h('span', { class: 'example-go' }, 'Try it'),
  );
}
