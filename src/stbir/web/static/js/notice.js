/** What went wrong, in words that help, with a way out; busy and offline services are asked again by themselves. */

import { byId, h } from './dom.js';

/** @typedef {import('./api.js').ServiceError} ServiceError */

const FIRST_RETRY_S = 2;
const LONGEST_RETRY_S = 20;

export class Notice {
  #timer = 0;
  #attempts = 0;

  /** @param {() => void} retry */
  constructor(retry) {
    this.retry = retry;
    this.box = byId('notice');
    window.addEventListener('online', () => this.#again());
  }

  /** @param {ServiceError} error */
  show(error) {
    clearInterval(this.#timer);
    this.box.dataset.kind = error.kind;
    const [title, text] = wordsFor(error);
    const note = h('small', { class: 'muted' });
    this.box.replaceChildren(h('p', {}, h('strong', {}, title), text, ' ', note));
    this.box.hidden = false;
    if (error.kind === 'refused') return;
    this.box.append(h('button', { class: 'secondary', type: 'button', onclick: () => this.#again() }, 'Try again'));
    if (error.kind === 'busy' || error.kind === 'offline') this.#retryIn(this.#pause(error), note);
  }

  hide() {
    clearInterval(this.#timer);
    this.#attempts = 0;
    this.box.hidden = true;
  }

  /** @param {ServiceError} error */
  #pause(error) {
    const pause = error.kind === 'busy' ? error.retryAfter : FIRST_RETRY_S * 2 ** this.#attempts;
    this.#attempts += 1;
    return Math.min(LONGEST_RETRY_S, pause);
  }

  /** @param {number} seconds @param {HTMLElement} note */
  #retryIn(seconds, note) {
    let left = Math.ceil(seconds);
    const tick = () => {
      note.textContent = `Trying again in ${left} s.`;
      if (left-- <= 0) this.#again();
    };
    tick();
    this.#timer = setInterval(tick, 1000);
  }

  #again() {
    clearInterval(this.#timer);
    if (!this.box.hidden) this.retry();
  }
}

/** @param {ServiceError} error @returns {[string, string]} */
function wordsFor(error) {
  if (error.kind === 'offline') return ['The service does not answer', 'Is it still running? Your drawing is safe.'];
  if (error.kind === 'busy') return ['Many searches at once', 'The service is busy; your search waits its turn.'];
  if (error.kind === 'key') return ['A key is needed', error.message];
  if (error.kind === 'refused') return ['This cannot be searched', error.message];
  return ['Something broke', error.requestId ? `${error.message} (request ${error.requestId})` : error.message];
}
