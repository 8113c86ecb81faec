/**
 * Searching while one draws: requests are put off a moment so that a line makes a few of them, not hundreds. One is under
 * way at a time; a newer question waits for it a little, then it is given up. An answer that comes late is dropped by its
 * number. Knows no page.
 *
 * Events: `busy`, `answer` (`detail.answer`, `detail.isMore`), `failure` (`detail.error`), `nothing` for an empty query.
 */

import { ServiceError } from './api.js';

/** @typedef {import('./api.js').Answer} Answer */
/** @typedef {import('./api.js').Body} Body */
/** @typedef {import('./query.js').Pace} Pace */
/** @typedef {(body: Body, signal: AbortSignal) => Promise<Answer>} Search */

/** Milliseconds to wait for more before asking. */
const PAUSE = { ink: 30, typing: 110, now: 0 };
/** While changes go on without a pause, ask this often. */
const LONGEST_PAUSE_MS = 160;
/** So long an answer under way may still come in before it is given up for a newer question. */
const PATIENCE_MS = 250;

export class LiveSearch extends EventTarget {
  #sequence = 0;
  #timer = 0;
  #waitingSince = 0;
  #startedAt = 0;
  /** When a question that waits for an answer under way wanted to be asked; 0 for none. */
  #dueAt = 0;
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

  /** Whether what is shown is not yet the answer to what is asked. */
  get isWaiting() {
    return this.#timer !== 0 || this.#underWay !== null;
  }

  /** Something changed. @param {Pace} pace */
  changed(pace) {
    if (pace === 'now' && !this.currentBody()) {
      this.ask();
      return;
    }
    const now = performance.now();
    this.#waitingSince ||= now;
    const pause = Math.min(PAUSE[pace], Math.max(0, this.#waitingSince + LONGEST_PAUSE_MS - now));
    this.#askIn(pause);
  }

  /** @param {number} pause Milliseconds; an answer under way is waited for, within patience. */
  #askIn(pause) {
    clearTimeout(this.#timer);
    const now = performance.now();
    const patience = this.#underWay ? this.#startedAt + PATIENCE_MS - now : 0;
    const wait = Math.max(pause, patience);
    if (wait > 0) this.#timer = setTimeout(() => this.ask(), wait);
    else this.ask();
    this.#dueAt = now + pause;
  }

  /** Ask now. @param {boolean} [isRepeat] Also when nothing changed since the last time. */
  ask(isRepeat = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#waitingSince = this.#dueAt = 0;
    const body = this.currentBody();
    const text = body ? JSON.stringify(body) : '';
    if (text === this.#asked && !isRepeat) return;
    this.#asked = text;
    this.#nextOffset = null;
    if (body) void this.#run(body, false);
    else this.#forget();
  }

  /** Ask for the next page. */
  more() {
    const body = this.currentBody();
    if (body && this.#nextOffset !== null) void this.#run({ ...body, offset: this.#nextOffset }, true);
  }

  #forget() {
    this.#underWay?.abort();
    this.#underWay = null;
    this.#sequence += 1;
    this.#tell('nothing');
  }

  /** @param {Body} body @param {boolean} isMore */
  async #run(body, isMore) {
    const sequence = ++this.#sequence;
    this.#underWay?.abort();
    this.#underWay = new AbortController();
    this.#startedAt = performance.now();
    this.#tell('busy');
    try {
      const answer = await this.search(body, this.#underWay.signal);
      if (sequence !== this.#sequence) return;
      this.#underWay = null;
      this.#nextOffset = answer.next_offset ?? null;
      if (this.#dueAt) this.#askIn(Math.max(0, this.#dueAt - performance.now()));
      this.#tell('answer', { answer, isMore });
    } catch (error) {
      if (sequence !== this.#sequence) return;
      this.#underWay = null;
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
