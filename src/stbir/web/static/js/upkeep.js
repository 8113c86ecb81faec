/**
 * The gallery as a whole: its size, model and folders, and indexing as it goes on, told by server-sent events. The pill in
 * the header shows the same in short. Fires `changed` when the gallery holds other pictures than before.
 */

import { byId, h, icon, toast } from './dom.js';
import { bytes } from './lightbox.js';

/** @typedef {import('./api.js').Service} Service */
/** @typedef {{state: string, done: number, total: number, rate?: number, skipped?: number, time_left_s?: number | null}} Job */

const IDLE_STATES = new Set(['idle', 'done', 'finished', 'failed', 'stopped']);

export class Upkeep extends EventTarget {
  /** @type {any} */
  gallery = null;
  /** @type {EventSource | null} */
  #events = null;
  /** @type {Job | null} */
  #job = null;

  /** @param {Service} service */
  constructor(service) {
    super();
    this.service = service;
    this.dialog = /** @type {HTMLDialogElement} */ (byId('upkeep'));
    this.pill = byId('gallery-button');
    this.pill.addEventListener('click', () => this.open());
    this.dialog.addEventListener('close', () => this.#stopUnlessWorking());
  }

  /** Ask what the gallery holds. */
  async load() {
    try {
      const version = this.gallery?.version;
      this.gallery = await this.service.gallery();
      this.#show();
      if (version !== undefined && version !== this.gallery.version) this.dispatchEvent(new Event('changed'));
    } catch (error) {
      this.pill.dataset.state = 'failed';
      byId('gallery-label').textContent = 'No gallery';
      throw error;
    }
  }

  /** Follow a run of indexing that someone else started. */
  async follow() {
    const job = await this.service.indexState().catch(() => null);
    if (!job || IDLE_STATES.has(job.state)) return;
    this.#progress(job);
    this.#listen();
  }

  open() {
    this.#show();
    this.dialog.showModal();
    this.#listen();
    if (this.gallery) void this.load().catch(() => {});
  }

  #listen() {
    if (this.#events) return;
    const events = this.service.indexEvents();
    this.#events = events;
    events.addEventListener('state', (event) => this.#progress(JSON.parse(event.data)));
  }

  /** @param {Job} job */
  #progress(job) {
    const wasWorking = this.isWorking;
    this.#job = job;
    this.#show();
    if (!wasWorking || this.isWorking) return;
    void this.load().catch(() => {});
    toast(job.state === 'failed' ? 'Indexing failed' : 'The gallery is up to date');
    this.#stopUnlessWorking();
  }

  get isWorking() {
    return this.#job !== null && !IDLE_STATES.has(this.#job.state);
  }

  #stopUnlessWorking() {
    if (this.dialog.open || this.isWorking) return;
    this.#events?.close();
    this.#events = null;
  }

  async #start() {
    try {
      await this.service.startIndex();
      this.#progress({ state: 'starting', done: 0, total: 0 });
      this.#listen();
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
  }

  #show() {
    const { gallery } = this;
    if (!gallery) return;
    const job = this.#job;
    this.pill.dataset.state = this.isWorking ? 'working' : 'ready';
    const count = `${number(gallery.num_pictures)} ${gallery.num_pictures === 1 ? 'picture' : 'pictures'}`;
    const progress = job?.total ? `Indexing ${number(job.done)} of ${number(job.total)}` : 'Indexing…';
    byId('gallery-label').replaceChildren(
      this.isWorking
        ? progress
        : h('span', {}, h('span', { class: 'pill-name' }, h('bdi', {}, gallery.name), ' · '), count),
    );
    byId('upkeep-body').replaceChildren(
      h(
        'p',
        { class: 'big-number' },
        number(gallery.num_pictures),
        h('span', {}, gallery.num_pictures === 1 ? ' picture' : ' pictures'),
      ),
      ...(this.isWorking && job ? [progressBar(job)] : []),
      this.#facts(),
      ...this.#folders(),
      ...(gallery.is_writable ? [this.#refreshButton()] : []),
    );
  }

  #facts() {
    const { gallery } = this;
    const rows = {
      Gallery: gallery.name,
      Model: [gallery.model?.name, gallery.model?.version].filter(Boolean).join(' '),
      Fingerprint: String(gallery.model?.fingerprint ?? '').slice(0, 12),
      'On disk': bytes(gallery.num_bytes),
      Skipped: gallery.num_skipped ? `${number(gallery.num_skipped)} files that are no pictures` : '',
      Made: gallery.created ? new Date(gallery.created).toLocaleDateString([], { dateStyle: 'medium' }) : '',
    };
    const pairs = Object.entries(rows).filter(([, value]) => value);
    return h(
      'dl',
      { class: 'facts' },
      ...pairs.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, h('bdi', {}, value))]),
    );
  }

  #folders() {
    const folders = this.gallery.folders ?? [];
    if (!folders.length) return [];
    const items = folders.map((/** @type {any} */ folder) =>
      h('li', {}, h('bdi', {}, folder.name), h('span', { class: 'muted' }, number(folder.num_pictures))),
    );
    return [h('h3', {}, 'Folders'), h('ul', { class: 'folders' }, ...items)];
  }

  #refreshButton() {
    return h(
      'button',
      { class: 'secondary', type: 'button', disabled: this.isWorking, onclick: () => void this.#start() },
      icon('refresh'),
      this.isWorking ? 'Looking for changes…' : 'Look for new and changed pictures',
    );
  }
}

/** @param {Job} job */
function progressBar(job) {
  const share = job.total ? job.done / job.total : 0;
  const fill = h('span', {});
  fill.style.inlineSize = `${100 * share}%`;
  const details = [
    job.total ? `${number(job.done)} of ${number(job.total)}` : 'Looking at the folders…',
    job.rate ? `${number(Math.round(job.rate))} a second` : '',
    job.skipped ? `${number(job.skipped)} skipped` : '',
    job.time_left_s ? `about ${duration(job.time_left_s)} left` : '',
  ].filter(Boolean);
  return h(
    'div',
    { class: 'job' },
    h(
      'div',
      {
        class: 'job-bar',
        role: 'progressbar',
        'aria-label': 'Indexing',
        'aria-valuenow': Math.round(100 * share),
        'aria-valuemin': 0,
        'aria-valuemax': 100,
      },
      fill,
    ),
    h('p', { class: 'muted' }, details.join(' · ')),
  );
}

const number = (/** @type {number} */ value) => Number(value ?? 0).toLocaleString();

/** @param {number} seconds */
function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
