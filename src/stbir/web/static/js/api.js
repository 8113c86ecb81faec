/**
 * The service as functions. Every failure becomes one `ServiceError` whose `kind` says what the page can do about it.
 * A key, where one is asked for, is kept for this tab only and traded for a cookie, so that pictures and events load too.
 */

/**
 * @typedef {object} Hit
 * @property {number} rank
 * @property {string} id
 * @property {string} name
 * @property {string} path
 * @property {number} score
 * @property {Partial<Record<Part, number>>} parts
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [num_duplicates]
 */
/** @typedef {'sketch' | 'text' | 'image'} Part */
/** @typedef {{hits: Hit[], next_offset: number | null, took_ms: Record<string, number>, total_estimate?: number}} Answer */
/** @typedef {Record<string, unknown>} Body */
/** @typedef {{rows: number, columns: number, values: number[][]}} HeatMap */
/**
 * @typedef {object} Reason Why a picture was found.
 * @property {Partial<Record<Part, HeatMap>>} heatmaps
 * @property {{word: string, start: number, end: number, weight: number}[]} words
 * @property {number[]} strokes
 */
/** @typedef {'offline' | 'busy' | 'key' | 'refused' | 'broken'} ErrorKind */

const KEY = 'stbir.key';
const MAX_RETRY_S = 30;

export class ServiceError extends Error {
  /**
   * @param {ErrorKind} kind @param {string} message
   * @param {{code?: string, retryAfter?: number, requestId?: string}} [details]
   */
  constructor(kind, message, details = {}) {
    super(message);
    this.kind = kind;
    this.code = details.code ?? '';
    this.retryAfter = details.retryAfter ?? 2;
    this.requestId = details.requestId ?? '';
  }
}

export class Service {
  /** @type {Promise<void> | null} */
  #asking = null;

  /** @param {(wasWrong: boolean) => Promise<string>} askForKey Asks the user; called once however many requests wait. */
  constructor(askForKey) {
    this.askForKey = askForKey;
  }

  gallery() {
    return this.#json('api/gallery');
  }

  examples() {
    return this.#json('api/examples');
  }

  /** @param {Body} body @param {AbortSignal} [signal] @returns {Promise<Answer>} */
  search(body, signal) {
    return this.#json('api/search', { method: 'POST', body, signal });
  }

  /** @param {Body} body @param {AbortSignal} [signal] @returns {Promise<Reason>} */
  explain(body, signal) {
    return this.#json('api/explain', { method: 'POST', body, signal });
  }

  /** @param {string} id @param {AbortSignal} [signal] */
  imageInfo(id, signal) {
    return this.#json(`api/images/${encodeURIComponent(id)}/info`, { signal });
  }

  indexState() {
    return this.#json('api/index');
  }

  startIndex() {
    return this.#json('api/index', { method: 'POST', body: {} });
  }

  indexEvents() {
    return new EventSource('api/index/events');
  }

  /**
   * @param {string} path
   * @param {{method?: string, body?: Body, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  async #json(path, options = {}) {
    let response = await send(path, options);
    if (response.status === 401) {
      await this.#unlock();
      response = await send(path, options);
    }
    if (!response.ok) throw await errorOf(response);
    return response.json();
  }

  /** Trade a key for a cookie; asks the user until a key fits. */
  #unlock() {
    this.#asking ??= this.#tryKeys().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #tryKeys() {
    let key = readKey();
    for (let wasWrong = false; ; wasWrong = true) {
      key ||= await this.askForKey(wasWrong);
      const response = await send('api/session', { method: 'POST', key });
      if (response.ok) {
        keepKey(key);
        return;
      }
      if (response.status !== 401) throw await errorOf(response);
      keepKey('');
      key = '';
    }
  }
}

/** @param {string} id */
export const thumbnailUrl = (id) => `api/thumbnails/${encodeURIComponent(id)}`;

/** @param {string} id */
export const imageUrl = (id) => `api/images/${encodeURIComponent(id)}`;

/** The file itself, as a download. @param {string} id */
export const originalUrl = (id) => `${imageUrl(id)}/original`;

/**
 * @param {string} path
 * @param {{method?: string, body?: Body, signal?: AbortSignal, key?: string}} options
 */
async function send(path, { method = 'GET', body, signal, key }) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ServiceError('offline', 'The service does not answer.');
  }
}

/** @param {Response} response */
async function errorOf(response) {
  const { error = {} } = await response.json().catch(() => ({}));
  const message = String(error.message ?? `The service answered ${response.status}.`);
  const seconds = Number(response.headers.get('Retry-After') ?? 2);
  return new ServiceError(kindOf(response.status), message, {
    code: String(error.code ?? ''),
    requestId: String(error.request_id ?? ''),
    retryAfter: seconds >= 0 ? Math.min(Math.max(seconds, 1), MAX_RETRY_S) : 2,
  });
}

/** @param {number} status @returns {ErrorKind} */
function kindOf(status) {
  if (status === 503 || status === 429) return 'busy';
  if (status === 401) return 'key';
  return status >= 500 ? 'broken' : 'refused';
}

function readKey() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** @param {string} key */
function keepKey(key) {
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is switched off: the key is asked for again in the next tab, nothing else changes.
  }
}
