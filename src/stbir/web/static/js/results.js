/**
 * The pictures found: a grid that keeps the cards of pictures that stay, so that nothing flickers while one draws.
 * Fires `open` and `similar` with `detail.index`.
 */

import { thumbnailUrl } from './api.js';
import { h, icon, prefersReducedMotion } from './dom.js';

/** @typedef {import('./api.js').Hit} Hit */
/** @typedef {import('./api.js').Part} Part */
/** @typedef {Partial<Record<Part, number>>} Shares */

/** @type {Record<Part, {icon: string, name: string}>} */
export const PARTS = {
  sketch: { icon: 'pen', name: 'drawing' },
  text: { icon: 'words', name: 'words' },
  image: { icon: 'similar', name: 'example' },
};
const MOVE_MS = 180;

export class Results extends EventTarget {
  /** @type {Hit[]} */
  hits = [];
  /** @type {Map<string, HTMLLIElement>} */
  #cards = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    super();
    this.list = list;
    list.addEventListener('keydown', (event) => this.#walk(event));
  }

  /**
   * Show an answer.
   * @param {Hit[]} hits @param {Partial<Record<Part, number>>} weights Of the query; parts left out count 1.
   * @param {{isMore?: boolean, isCalm?: boolean}} [how] Whether they follow those shown; whether cards jump to their
   *   place rather than glide, because the next answer is near.
   */
  show(hits, weights, { isMore = false, isCalm = false } = {}) {
    this.hits = isMore ? [...this.hits, ...hits] : hits;
    const before = isMore || isCalm ? null : this.#places();
    const best = Math.max(...this.hits.map((hit) => hit.score), 1e-6);
    const cards = new Map();
    this.hits.forEach((hit, index) => {
      const card = this.#cards.get(hit.id) ?? this.#card(hit);
      update(card, hit, index, { weights, best });
      cards.set(hit.id, card);
    });
    this.#cards = cards;
    this.#arrange([...cards.values()]);
    if (before) this.#glide(before);
  }

  clear() {
    this.show([], {});
  }

  /** Grey cards for the first answer of a search. */
  showWaiting() {
    if (this.hits.length) return;
    this.list.replaceChildren(
      ...Array.from({ length: 9 }, () =>
        h('li', { class: 'hit', 'aria-hidden': 'true' }, h('div', { class: 'skeleton' })),
      ),
    );
  }

  /** Put the cards in order, touching only those that are out of place: the one in focus stays in focus. */
  #arrange(/** @type {HTMLLIElement[]} */ cards) {
    for (const child of [...this.list.children]) {
      if (!cards.includes(/** @type {HTMLLIElement} */ (child))) child.remove();
    }
    const focused = document.activeElement;
    cards.forEach((card, index) => {
      const present = this.list.children[index];
      if (present !== card) this.list.insertBefore(card, present ?? null);
    });
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
  }

  #places() {
    if (prefersReducedMotion()) return null;
    return new Map([...this.#cards].map(([id, card]) => [id, card.getBoundingClientRect()]));
  }

  /** Let cards that moved glide to their place. @param {Map<string, DOMRect>} before */
  #glide(before) {
    for (const [id, card] of this.#cards) {
      const from = before.get(id);
      const to = card.getBoundingClientRect();
      if (!from) card.animate({ opacity: [0, 1] }, MOVE_MS);
      else if (from.left !== to.left || from.top !== to.top) {
        const way = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
        card.animate({ transform: [way, 'none'] }, { duration: MOVE_MS, easing: 'ease-out' });
      }
    }
  }

  /** @param {Hit} hit */
  #card(hit) {
    const tell = (/** @type {string} */ what) => () =>
      this.dispatchEvent(new CustomEvent(what, { detail: { index: Number(card.dataset.index) } }));
    const card = h(
      'li',
      { class: 'hit' },
      h(
        'button',
        { class: 'card', type: 'button', onclick: tell('open') },
        h('span', { class: 'card-picture' }, h('img', { src: thumbnailUrl(hit.id), alt: '', decoding: 'async' })),
        h('span', { class: 'card-text' }),
      ),
      h(
        'button',
        {
          class: 'hit-action',
          type: 'button',
          title: 'More like this',
          'aria-label': `More like ${hit.name}`,
          onclick: tell('similar'),
        },
        icon('similar'),
      ),
    );
    return card;
  }

  /** Arrows walk over the grid, Home and End to its ends. @param {KeyboardEvent} event */
  #walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cards = [...this.list.querySelectorAll('.card')];
    const at = cards.findIndex((card) => card.parentElement?.contains(document.activeElement));
    if (at < 0) return;
    const isMirrored = getComputedStyle(this.list).direction === 'rtl';
    const columns = getComputedStyle(this.list).gridTemplateColumns.split(' ').length;
    const forward = isMirrored ? -1 : 1;
    const step = { ArrowRight: forward, ArrowLeft: -forward, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const target =
      event.key === 'Home' ? 0 : event.key === 'End' ? cards.length - 1 : step === undefined ? -1 : at + step;
    const next = cards[target];
    if (!(next instanceof HTMLElement)) return;
    event.preventDefault();
    next.focus();
  }
}

/**
 * @param {HTMLLIElement} card @param {Hit} hit @param {number} index
 * @param {{weights: Partial<Record<Part, number>>, best: number}} scale
 */
function update(card, hit, index, { weights, best }) {
  card.dataset.index = String(index);
  card.dataset.id = hit.id;
  const button = /** @type {HTMLElement} */ (card.querySelector('.card'));
  button.setAttribute('aria-label', labelOf(hit, index));
  button.querySelector('.copies')?.remove();
  if (hit.num_duplicates) {
    const more = `+${hit.num_duplicates} ${hit.num_duplicates === 1 ? 'copy' : 'copies'}`;
    button.querySelector('.card-picture')?.append(h('span', { class: 'copies' }, more));
  }
  button
    .querySelector('.card-text')
    ?.replaceChildren(
      h('bdi', { class: 'card-name', title: hit.path }, hit.name),
      h('span', { class: 'card-score', title: 'Score of the whole query' }, hit.score.toFixed(2)),
      shareBar(hit, weights, best),
      partList(hit),
    );
}

/** @param {Hit} hit @param {number} index */
function labelOf(hit, index) {
  const parts = partsOf(hit).map(([part, value]) => `${PARTS[part].name} ${value.toFixed(2)}`);
  return `${index + 1}. ${hit.name}, score ${hit.score.toFixed(2)}, ${parts.join(', ')}`;
}

/** @param {Hit} hit @returns {[Part, number][]} */
function partsOf(hit) {
  return /** @type {Part[]} */ (Object.keys(PARTS)).flatMap((part) => {
    const value = hit.parts[part];
    return value === undefined ? [] : [/** @type {[Part, number]} */ ([part, value])];
  });
}

/**
 * How much each part contributed: the bar's length is the score beside the best one's, its colours are the shares.
 * @param {Hit} hit @param {Partial<Record<Part, number>>} weights @param {number} best
 */
export function shareBar(hit, weights, best) {
  const bar = h('span', { class: 'shares', 'aria-hidden': 'true' });
  const parts = partsOf(hit).map(([part, value]) => ({ part, amount: Math.max(0, value) * (weights[part] ?? 1) }));
  const whole = parts.reduce((sum, { amount }) => sum + amount, 0);
  for (const { part, amount } of parts) {
    if (!whole || amount <= 0) continue;
    const piece = h('span', { class: `share-${part}` });
    piece.style.inlineSize = `${(100 * Math.max(0, hit.score / best) * amount) / whole}%`;
    bar.append(piece);
  }
  return bar;
}

/** How well each part alone fits. @param {Hit} hit */
export function partList(hit) {
  const items = partsOf(hit).map(([part, value]) =>
    h(
      'span',
      { class: `part-${part}`, title: `How well the ${PARTS[part].name} alone fits` },
      icon(PARTS[part].icon),
      value.toFixed(2),
    ),
  );
  return h('span', { class: 'parts' }, ...items);
}
