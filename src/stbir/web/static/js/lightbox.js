/**
 * One hit, large: the picture, why it was found, what is known of its file, and what to do with it. Left and right go to
 * its neighbours. Fires `similar` and `trace` with `detail.hit`.
 */

import { imageUrl, originalUrl, thumbnailUrl } from './api.js';
import { copyText, h, icon } from './dom.js';
import { partList, shareBar } from './results.js';
import { paintHeat, strokePicture, wordLine } from './why.js';

/** @typedef {import('./api.js').Hit} Hit */
/** @typedef {import('./api.js').Reason} Reason */

/** A small picture is not blown up to a blur. */
const MOST_ENLARGED = 2.4;
/** @type {{view: View, label: string, colour: string}[]} */
const VIEWS = [
  { view: 'picture', label: 'Picture', colour: '' },
  { view: 'sketch', label: 'Drawing', colour: '--sketch' },
  { view: 'text', label: 'Words', colour: '--words' },
  { view: 'image', label: 'Example', colour: '--image' },
];
/** @typedef {'picture' | 'sketch' | 'text' | 'image'} View */

export class Lightbox extends EventTarget {
  #index = 0;
  /** @type {View} */
  #view = 'picture';
  /** @type {Reason | null} */
  #reason = null;
  /** @type {AbortController} */
  #loading = new AbortController();

  /**
   * @param {HTMLDialogElement} dialog
   * @param {import('./api.js').Service} service
   * @param {import('./query.js').Query} query
   * @param {import('./results.js').Results} results
   */
  constructor(dialog, service, query, results) {
    super();
    this.dialog = dialog;
    this.service = service;
    this.query = query;
    this.results = results;
    dialog.addEventListener('keydown', (event) => this.#key(event));
    dialog.addEventListener('close', () => this.#loading.abort());
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  /** @param {number} index Of the hit. */
  open(index) {
    if (!this.results.hits[index]) return;
    this.#index = index;
    this.#view = 'picture';
    this.#show();
    if (!this.dialog.open) this.dialog.showModal();
  }

  get #hit() {
    return this.results.hits[this.#index];
  }

  #show() {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#reason = null;
    const hit = this.#hit;
    const hadFocus = this.dialog.contains(document.activeElement) ? document.activeElement?.id : '';
    this.picture = h('img', { src: imageUrl(hit.id), alt: `Picture ${hit.name}` });
    // The thumbnail stands in while the picture loads, and where it cannot be read any more.
    this.picture.style.backgroundImage = `url("${new URL(thumbnailUrl(hit.id), document.baseURI).href}")`;
    this.picture.addEventListener('error', () => this.#missing(), { once: true });
    this.heat = h('canvas', { class: 'heat', 'aria-hidden': 'true', hidden: true });
    this.why = h('section', { class: 'why', 'aria-label': 'Why this picture' });
    this.facts = h('dl', { class: 'facts' });
    this.dialog.replaceChildren(this.#stage(), this.#side(hit));
    this.#fitFrame(hit);
    this.#showWhy();
    void this.#loadFacts(hit);
    void this.#loadReason(hit);
    this.#returnFocus(hadFocus);
  }

  /** The element in focus was built anew: focus the one in its place, or keys would go nowhere. @param {string} [id] */
  #returnFocus(id) {
    if (!this.dialog.open) return;
    if (id) document.getElementById(id)?.focus();
    if (!this.dialog.contains(document.activeElement)) document.getElementById('lightbox-close')?.focus();
  }

  #stage() {
    const last = this.results.hits.length - 1;
    const step = (/** @type {number} */ by) => () => this.#go(by);
    const arrow = (/** @type {'previous' | 'next'} */ name, /** @type {number} */ by, /** @type {boolean} */ isEnd) =>
      h(
        'button',
        {
          id: `lightbox-${name}`,
          class: `arrow is-${name}`,
          type: 'button',
          'aria-label': name === 'next' ? 'Next picture' : 'Previous picture',
          disabled: isEnd,
          onclick: step(by),
        },
        icon(name),
      );
    this.frame = h('div', { class: 'frame' }, this.picture ?? null, this.heat ?? null);
    return h(
      'div',
      { class: 'stage' },
      arrow('previous', -1, this.#index === 0),
      this.frame,
      arrow('next', 1, this.#index === last),
    );
  }

  /** @param {Hit} hit */
  #side(hit) {
    const close = () => this.dialog.close();
    return h(
      'div',
      { class: 'lightbox-side' },
      h(
        'header',
        { class: 'sheet-head' },
        h('h2', { id: 'lightbox-name' }, h('bdi', {}, hit.name)),
        h(
          'button',
          { id: 'lightbox-close', class: 'quiet square', type: 'button', 'aria-label': 'Close', onclick: close },
          icon('close'),
        ),
      ),
      h(
        'div',
        { class: 'lightbox-score' },
        h('strong', {}, hit.score.toFixed(3)),
        h('span', { class: 'muted' }, `place ${hit.rank}`),
        partList(hit),
        shareBar(hit, this.query.weights, hit.score),
      ),
      this.why ?? null,
      this.#actions(hit),
      this.facts ?? null,
    );
  }

  /** @param {Hit} hit */
  #actions(hit) {
    const tell = (/** @type {string} */ what) => () => {
      this.dialog.close();
      this.dispatchEvent(new CustomEvent(what, { detail: { hit } }));
    };
    const action = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ run) =>
      h('button', { class: 'secondary', type: 'button', onclick: run }, icon(name), label);
    return h(
      'div',
      { class: 'lightbox-actions' },
      action('similar', 'More like this', tell('similar')),
      action('pen', 'Draw over this', tell('trace')),
      action('copy', 'Copy path', () => void copyText(hit.path, 'Path copied')),
      h('a', { class: 'secondary', href: originalUrl(hit.id), download: hit.name }, icon('save'), 'Download'),
    );
  }

  /** @param {Hit} hit */
  async #loadFacts(hit) {
    const { signal } = this.#loading;
    const facts = this.facts;
    const info = await this.service.imageInfo(hit.id, signal).catch(() => null);
    if (!info || signal.aborted || !facts) return;
    const rows = {
      Size: `${info.width} × ${info.height} px`,
      File: `${bytes(info.num_bytes)}`,
      Changed: info.modified ? new Date(info.modified).toLocaleString() : '',
      Path: info.path ?? hit.path,
      Id: info.id,
    };
    for (const [name, value] of Object.entries(rows)) {
      if (value) facts.append(h('dt', {}, name), h('dd', {}, h('bdi', {}, String(value))));
    }
  }

  /** @param {Hit} hit */
  async #loadReason(hit) {
    const { signal } = this.#loading;
    try {
      const reason = await this.service.explain({ ...this.query.toQuestion(), id: hit.id }, signal);
      if (signal.aborted) return;
      this.#reason = reason;
      this.#showWhy();
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      this.why?.replaceChildren(h('p', { class: 'muted' }, `No explanation: ${message}`));
    }
  }

  #showWhy() {
    const reason = this.#reason;
    if (!this.why) return;
    const has = (/** @type {View} */ view) => view === 'picture' || (reason?.heatmaps?.[view] ?? null) !== null;
    const tabs = VIEWS.filter(({ view }) => has(view)).map(({ view, label }) =>
      h(
        'button',
        {
          id: `why-${view}`,
          class: 'tab',
          type: 'button',
          'aria-pressed': view === this.#view ? 'true' : 'false',
          'data-view': view,
          onclick: () => this.#look(view),
        },
        label,
      ),
    );
    const focused = document.activeElement?.id;
    this.why.replaceChildren(
      h('h3', {}, 'Why this picture'),
      h('div', { class: 'tabs', role: 'group', 'aria-label': 'Show where it fits' }, ...tabs),
      reason ? this.#evidence(reason) : h('p', { class: 'muted', 'data-waiting': true }, 'Looking…'),
    );
    if (focused?.startsWith('why-')) document.getElementById(focused)?.focus();
    this.#paintView();
  }

  /** @param {Reason} reason */
  #evidence(reason) {
    const box = h('div', { class: 'evidence' });
    const strokes = this.query.drawing.strokes;
    if (reason.strokes?.length && strokes.length) box.append(strokePicture(strokes, reason.strokes));
    if (reason.words?.length) box.append(wordLine(this.query.text.trim(), reason.words));
    if (box.childElementCount) box.append(h('p', { class: 'why-legend' }, 'Colour marks what the score rests on.'));
    else box.append(h('p', { class: 'muted' }, 'The whole picture resembles the example.'));
    return box;
  }

  /** @param {View} view */
  #look(view) {
    this.#view = view;
    this.#showWhy();
  }

  #paintView() {
    const map = this.#view === 'picture' ? null : this.#reason?.heatmaps?.[this.#view];
    if (!this.heat || !this.frame) return;
    this.heat.hidden = !map;
    this.frame.toggleAttribute('data-heat', Boolean(map));
    const name = VIEWS.find(({ view }) => view === this.#view)?.colour ?? '';
    if (map) paintHeat(this.heat, map, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }

  /** The frame has the picture's shape before the picture is there. @param {Hit} hit */
  #fitFrame(hit) {
    const [width, height] = [hit.width || 1, hit.height || 1];
    this.frame?.style.setProperty('--shape', String(width / height));
    this.frame?.style.setProperty('--widest', `${MOST_ENLARGED * width}px`);
  }

  #missing() {
    this.picture?.removeAttribute('src');
    this.picture?.replaceWith(
      h('img', {
        src: thumbnailUrl(this.#hit.id),
        alt: `Small version of ${this.#hit.name}; the file itself cannot be read any more`,
      }),
    );
  }

  /** @param {number} by */
  #go(by) {
    if (!this.results.hits[this.#index + by]) return;
    this.#index += by;
    this.#show();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = getComputedStyle(this.dialog).direction === 'rtl' ? -1 : 1;
    const run = {
      ArrowRight: () => this.#go(forward),
      ArrowLeft: () => this.#go(-forward),
      w: () => this.#look(this.#next()),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  #next() {
    const views = VIEWS.map(({ view }) => view).filter((view) => view === 'picture' || this.#reason?.heatmaps?.[view]);
    return views[(views.indexOf(this.#view) + 1) % views.length];
  }
}

/** @param {number} count */
export function bytes(count) {
  if (!Number.isFinite(count)) return '';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log10(count) / 3) : 0);
  return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}
