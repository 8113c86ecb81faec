/**
 * The page's address holds the query, so that reloading, going back and sharing work. A query in the making has one entry
 * in the browser's list, however often it changes; once it stood for a while it is kept in the history, and what changes
 * from there on is another one.
 */

/** @typedef {import('./query.js').Query} Query */
/** @typedef {import('./history.js').History} History */

const SETTLED_MS = 1500;

export class Address {
  #timer = 0;
  /** Whether the browser's newest entry is of a query that is still being made. */
  #isDraft = false;

  /** @param {Query} query @param {History} history @param {() => void} onSettled */
  constructor(query, history, onSettled) {
    this.query = query;
    this.history = history;
    this.onSettled = onSettled;
    query.addEventListener('change', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.settle(), SETTLED_MS);
    });
    window.addEventListener('popstate', () => {
      this.#isDraft = false;
      query.restore(location.hash);
    });
  }

  /** Make the address say what the query says. */
  note() {
    const hash = this.query.toHash();
    if (hash === location.hash.slice(1)) return;
    const address = hash ? `#${hash}` : location.pathname;
    if (this.#isDraft) window.history.replaceState(null, '', address);
    else window.history.pushState(null, '', address);
    this.#isDraft = true;
  }

  /** The query is done: what changes from here on is another one. */
  settle() {
    clearTimeout(this.#timer);
    this.note();
    this.#isDraft = false;
    if (!this.query.isEmpty && this.query.fitsIntoLink) this.history.add(this.query.toHash());
    this.onSettled();
  }

  /** Make another query the present one; the present one stays one step back. @param {string} hash */
  visit(hash) {
    this.settle();
    this.query.restore(hash);
    this.settle();
  }
}
