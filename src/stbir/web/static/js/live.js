/**
 * Searching while one draws: requests are put off a moment so that a line makes a few of them, not hundreds; the one
 * under way is given up for a newer one; an answer that comes late is dropped by its number. Knows no page.
 *
 * Events: `busy`, `answer` (`detail.answer`, `detail.isMore`), `failure` (`detail.error`), `nothing` for an empty query.
 */

import { ServiceError } from './api.js';

/** @typedef {import('./api.js').Answer} Answer */
/** @typedef {import('./api.js').Body} Body */
/** @typedef {import('./query.js').Pace} Pace */
/** @typedef {(body: Body, signal: AbortSignal) => Promise<Answer>} Search */

export const PAGE_SIZE = 24;
/** Milliseconds to wait for more before asking. */
const PAUSE = { ink: 50, typing: 110, now: 0 };
/** While changes go on without a pause, ask this often: never more than the service keeps up with. */
const LONGEST_PAUSE_MS = 160;

export class LiveSearch extends EventTarget {
  #sequence = 0;
  #shown = 0;
  #timer = 0;
  #waitingSince = 0;
  #took = 0;
  #asked = '';
  /** @type {number | null} */
  #nextOffset = null;
  /** @type {AbortController | null} */
  #underWay = null;

  /** @param {Search} search @param {() => Body | null} currentBody What is asked right now; null for nothing. */
  constructor(search, currentBody) {
    super();
    this.search = search;
    this.currentBody = currentBody;
  }

  get hasMore() {
    return this.#nextOffset !== null;
  }

  /** Number of the answer shown. */
  get shown() {
    return this.#shown;
  }

  /** Something changed. @param {Pace} pace */
  changed(pace) {
    const now = performance.now();
    this.#waitingSince ||= now;
    const longest = Math.max(LONGEST_PAUSE_MS, 1.5 * this.#took);
    const pause = Math.min(PAUSE[pace], Math.max(0, this.#waitingSince + longest - now));
    clearTimeout(this.#timer);
    if (pace === 'now') this.ask();
    else this.#timer = setTimeout(() => this.ask(), pause);
  }

  /** Ask now. @param {boolean} [isRepeat] Also when nothing changed since the last time. */
  ask(isRepeat = false) {
    clearTimeout(this.#timer);
    this.#waitingSince = 0;
    const body = this.currentBody();
    const text = body ? JSON.stringify(body) : '';
    if (text === this.#asked && !isRepeat) return;
    this.#asked = text;
    this.#nextOffset = null;
    if (body) void this.#run({ ...body, top: PAGE_SIZE }, false);
    else this.#forget();
  }

  /** Ask for the next page. */
  more() {
    const body = this.currentBody();
    if (body && this.#nextOffset !== null) void this.#run({ ...body, top: PAGE_SIZE, offset: this.#nextOffset }, true);
  }

  #forget() {
    this.#underWay?.abort();
    this.#shown = ++this.#sequence;
    this.#tell('nothing');
  }

  /** @param {Body} body @param {boolean} isMore */
  async #run(body, isMore) {
    const sequence = ++this.#sequence;
    this.#underWay?.abort();
    this.#underWay = new AbortController();
    const started = performance.now();
    this.#tell('busy');
    try {
      const answer = await this.search(body, this.#underWay.signal);
      if (sequence !== this.#sequence) return;
      this.#took = performance.now() - started;
      this.#shown = sequence;
      this.#nextOffset = answer.next_offset ?? null;
      this.#tell('answer', { answer, isMore, sequence });
    } catch (error) {
      if (sequence !== this.#sequence) return;
      if (error instanceof DOMException && error.name === 'AbortError') return;
      this.#asked = '';
      this.#tell('failure', { error: asServiceError(error) });
    }
  }

  /** @param {string} what @param {object} [detail] */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}

/** @param {unknown} error */
function asServiceError(error) {
  if (error instanceof ServiceError) return error;
  return new ServiceError('broken', error instanceof Error ? error.message : String(error));
}
