/** The half where answers stand, as a whole: which state it is in, how much was found, what follows. */

import { announce, byId, h } from './dom.js';

/** @typedef {import('./api.js').Answer} Answer */
/** @typedef {import('./live.js').LiveSearch} LiveSearch */
/** @typedef {import('./query.js').Query} Query */
/** @typedef {import('./results.js').Results} Results */

export class Found {
  /** How many pictures the gallery holds; null while it is not known. @type {number | null} */
  numPictures = null;
  /** Whether the drawing changed last: then the next answer is near, and cards had better not glide. */
  #isDrawn = false;

  /** @param {Query} query @param {LiveSearch} live @param {Results} results */
  constructor(query, live, results) {
    this.query = query;
    this.live = live;
    this.results = results;
    this.box = byId('found');
    byId('more').addEventListener('click', () => live.more());
    byId('no-hits-reset').addEventListener('click', () => query.set({ filters: {} }));
    query.addEventListener('change', (event) => {
      this.#isDrawn = /** @type {CustomEvent} */ (event).detail.isDrawn;
      this.#showBusy();
    });
    live.addEventListener('busy', () => this.#showWaiting());
    live.addEventListener('answer', (event) => this.#showAnswer(/** @type {CustomEvent} */ (event).detail));
    live.addEventListener('nothing', () => this.#showStart());
    live.addEventListener('failure', () => {
      this.#showBusy();
      if (!results.hits.length) results.clear();
    });
  }

  /** Say to screen readers what was found; while one draws that would be too much. */
  sayFound() {
    const [best] = this.results.hits;
    if (best) announce(`${this.results.hits.length} pictures found, best ${best.name}, score ${best.score.toFixed(2)}`);
  }

  /** Say how to fill a gallery that is empty. */
  showEmptyGallery() {
    const command = h('code', {}, 'stbir index PHOTOS --gallery DIR');
    const sentence = ['This gallery holds no pictures yet. Fill it with ', command, '; they can be found at once.'];
    byId('start-text').replaceChildren(...sentence);
  }

  #showBusy() {
    this.box.setAttribute('aria-busy', String(this.live.isWaiting));
  }

  #showWaiting() {
    this.#showBusy();
    if (this.results.hits.length) return;
    this.box.dataset.state = 'results';
    this.results.showWaiting();
  }

  /** @param {{answer: Answer, isMore: boolean}} detail */
  #showAnswer({ answer, isMore }) {
    this.#showBusy();
    this.box.dataset.state = 'results';
    this.results.show(answer.hits, this.query.weights, { isMore, isCalm: this.#isDrawn });
    byId('more').hidden = !this.live.hasMore;
    this.#showCount(answer);
  }

  /** @param {Answer} answer */
  #showCount(answer) {
    const count = this.results.hits.length;
    const milliseconds = Math.max(1, Math.round(answer.took_ms?.total ?? 0));
    const of = this.numPictures === null ? '' : ` of ${this.numPictures.toLocaleString()}`;
    byId('status').textContent = count ? `Best ${count}${of} · ${milliseconds} ms` : '';
    const isFiltered = Object.keys(this.query.filters).length > 0;
    byId('no-hits').hidden = count > 0;
    byId('no-hits-text').textContent = isFiltered ? 'No picture passes the filters.' : 'No picture was found.';
    byId('no-hits-reset').hidden = !isFiltered;
  }

  #showStart() {
    this.#showBusy();
    this.results.clear();
    this.box.dataset.state = 'start';
    byId('status').textContent = '';
    byId('more').hidden = byId('no-hits').hidden = true;
  }
}
