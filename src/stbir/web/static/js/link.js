/**
 * A query as text that fits into the address of the page, and back. A drawing becomes a few hundred characters: lines are
 * simplified by less than one can see, points become differences on a grid of 1024, and those become base64. Pure.
 *
 *     #d=AQoB...&t=red+boot&n=laces&b=70&i=3f2a&folder=1
 *
 * What comes from an address is hostile: whatever cannot be read is left out, and sizes are limited.
 */

import { SHEET, simplified } from './geometry.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */

/**
 * @typedef {object} Saved What a link holds.
 * @property {Stroke[]} strokes On the sheet of 1024 units.
 * @property {string} text
 * @property {string} not
 * @property {number} balance 0 = the drawing alone, 100 = the words alone.
 * @property {string} image Id of an example picture, or empty.
 * @property {Record<string, string>} filters
 */

const VERSION = 1;
const TOLERANCE = 0.75;
const MAX_POINTS = 20_000;
const MAX_WORDS = 2_000;
const FILTERS = ['folder', 'orientation', 'min_width', 'min_score', 'where', 'copies'];

/** @param {Saved} saved @returns {string} Without the `#`; empty for an empty query. */
export function toHash(saved) {
  const fields = new URLSearchParams();
  if (saved.strokes.length) fields.set('d', encodeStrokes(saved.strokes));
  if (saved.text) fields.set('t', saved.text);
  if (saved.not) fields.set('n', saved.not);
  if (saved.image) fields.set('i', saved.image);
  if (saved.balance !== 50) fields.set('b', String(saved.balance));
  for (const name of FILTERS) {
    if (saved.filters[name]) fields.set(name, saved.filters[name]);
  }
  return fields.toString();
}

/** @param {string} hash With or without the `#`. @returns {Saved} */
export function fromHash(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const words = (/** @type {string} */ name) => (fields.get(name) ?? '').slice(0, MAX_WORDS);
  const balance = Number(fields.get('b') ?? 50);
  return {
    strokes: decodeStrokes(fields.get('d') ?? ''),
    text: words('t'),
    not: words('n'),
    image: words('i'),
    balance: balance >= 0 && balance <= 100 ? Math.round(balance) : 50,
    filters: Object.fromEntries(FILTERS.map((name) => [name, words(name)]).filter(([, value]) => value)),
  };
}

/** @param {Stroke[]} strokes @returns {string} base64url of: version, then for each stroke its length and differences. */
export function encodeStrokes(strokes) {
  /** @type {number[]} */
  const bytes = [VERSION];
  let [lastX, lastY] = [0, 0];
  for (const stroke of strokes) {
    const points = simplified(stroke, TOLERANCE);
    pushVarint(bytes, points.length);
    for (const point of points) {
      const [x, y] = [Math.round(point[0]), Math.round(point[1])];
      pushVarint(bytes, zigzag(x - lastX));
      pushVarint(bytes, zigzag(y - lastY));
      [lastX, lastY] = [x, y];
    }
  }
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** @param {string} text @returns {Stroke[]} Empty where the text is not of `encodeStrokes`. */
export function decodeStrokes(text) {
  const bytes = bytesOf(text);
  if (bytes[0] !== VERSION) return [];
  let position = 1;
  const next = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      if (position >= bytes.length || factor > 2 ** 28) throw new RangeError('cut short');
      const byte = bytes[position++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  try {
    return readStrokes(next, () => position < bytes.length);
  } catch {
    return [];
  }
}

/** @param {() => number} next @param {() => boolean} hasMore */
function readStrokes(next, hasMore) {
  /** @type {Stroke[]} */
  const strokes = [];
  let [x, y, numPoints] = [0, 0, 0];
  while (hasMore()) {
    const length = next();
    numPoints += length;
    if (!length || numPoints > MAX_POINTS) throw new RangeError('too many points');
    /** @type {Stroke} */
    const stroke = [];
    for (let i = 0; i < length; i++) {
      x += unzigzag(next());
      y += unzigzag(next());
      if (Math.abs(x) > 4 * SHEET || Math.abs(y) > 4 * SHEET) throw new RangeError('off the sheet');
      stroke.push([x, y]);
    }
    strokes.push(stroke);
  }
  return strokes;
}

/** @param {string} text @returns {Uint8Array} Empty where it is not base64url. */
function bytesOf(text) {
  try {
    return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

/** @param {number[]} bytes @param {number} value */
function pushVarint(bytes, value) {
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
  bytes.push(value);
}

const zigzag = (/** @type {number} */ value) => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (/** @type {number} */ value) => (value % 2 ? -(value + 1) / 2 : value / 2);
