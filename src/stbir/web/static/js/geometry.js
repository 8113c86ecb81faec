/**
 * Plane geometry of strokes: distances, cutting, simplifying, fitting. Pure functions over points `[x, y, ...]`; more
 * numbers of a point (time, pressure) travel along. Knows no page and no drawing.
 */

/** Side of the square sheet that every drawing lies on, in its own units. */
export const SHEET = 1024;

/** @typedef {number[]} Point `[x, y]`, `[x, y, t_ms]` or `[x, y, t_ms, pressure]`. */
/** @typedef {Point[]} Stroke */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Bounds */

/**
 * Distance from a point to a line between two points.
 * @param {Point} p @param {Point} a @param {Point} b
 */
export function distanceToSegment(p, a, b) {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const squared = dx * dx + dy * dy;
  const along = squared > 0 ? ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / squared : 0;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/**
 * Smallest distance between two lines; 0 where they cross.
 * @param {Point} a @param {Point} b @param {Point} c @param {Point} d
 */
export function distanceBetweenSegments(a, b, c, d) {
  if (areCrossing(a, b, c, d)) return 0;
  return Math.min(
    distanceToSegment(a, c, d),
    distanceToSegment(b, c, d),
    distanceToSegment(c, a, b),
    distanceToSegment(d, a, b),
  );
}

/** @param {Point} a @param {Point} b @param {Point} c @param {Point} d */
function areCrossing(a, b, c, d) {
  const side = (/** @type {Point} */ p, /** @type {Point} */ q, /** @type {Point} */ r) =>
    Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/**
 * @param {Stroke[]} strokes At least one point in all.
 * @returns {Bounds}
 */
export function boundsOf(strokes) {
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const stroke of strokes) {
    for (const [x, y] of stroke) {
      bounds.left = Math.min(bounds.left, x);
      bounds.top = Math.min(bounds.top, y);
      bounds.right = Math.max(bounds.right, x);
      bounds.bottom = Math.max(bounds.bottom, y);
    }
  }
  return bounds;
}

/**
 * Whether a round tip that moves from `a` to `b` touches a stroke.
 * @param {Stroke} stroke @param {Point} a @param {Point} b @param {number} radius
 */
export function isTouched(stroke, a, b, radius) {
  if (stroke.length === 1) return distanceToSegment(stroke[0], a, b) <= radius;
  return stroke.some((p, i) => i > 0 && distanceBetweenSegments(stroke[i - 1], p, a, b) <= radius);
}

/**
 * What is left of a stroke when a round tip moves over it from `a` to `b`.
 * @param {Stroke} stroke @param {Point} a @param {Point} b @param {number} radius
 * @returns {Stroke[]} The pieces in drawing order; the stroke itself where it was not touched.
 */
export function cut(stroke, a, b, radius) {
  if (!isTouched(stroke, a, b, radius)) return [stroke];
  /** @type {Stroke[]} */
  const pieces = [];
  /** @type {Stroke} */
  let piece = [];
  const finish = () => {
    if (piece.length > 1) pieces.push(piece);
    piece = [];
  };
  for (const point of densified(stroke, radius / 4)) {
    if (distanceToSegment(point, a, b) <= radius) finish();
    else piece.push(point);
  }
  finish();
  return pieces;
}

/**
 * The same line with points no further apart than `step`, so that it can be cut anywhere.
 * @param {Stroke} stroke @param {number} step
 */
function densified(stroke, step) {
  /** @type {Stroke} */
  const dense = stroke.slice(0, 1);
  for (let i = 1; i < stroke.length; i++) {
    const [from, to] = [stroke[i - 1], stroke[i]];
    const parts = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / step);
    for (let part = 1; part < parts; part++) {
      dense.push(to.map((value, axis) => from[axis] + ((value - from[axis]) * part) / parts));
    }
    dense.push(to);
  }
  return dense;
}

/**
 * Leave out points that hardly change a line.
 * @param {Stroke} stroke @param {number} tolerance Largest distance of a left-out point from the line.
 * @returns {Stroke} A subset of the points, both ends among them.
 * Source: Ramer 1972; Douglas and Peucker 1973.
 */
export function simplified(stroke, tolerance) {
  if (stroke.length < 3) return stroke;
  const keep = new Uint8Array(stroke.length);
  keep[0] = keep[stroke.length - 1] = 1;
  const spans = [[0, stroke.length - 1]];
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [first, last] = span;
    let [furthest, distance] = [0, tolerance];
    for (let i = first + 1; i < last; i++) {
      const d = distanceToSegment(stroke[i], stroke[first], stroke[last]);
      if (d > distance) [furthest, distance] = [i, d];
    }
    if (furthest) {
      keep[furthest] = 1;
      spans.push([first, furthest], [furthest, last]);
    }
  }
  return stroke.filter((_, i) => keep[i]);
}

/**
 * Move strokes from their own sheet onto a square one, the whole sheet visible and centred.
 * @param {Stroke[]} strokes
 * @param {[number, number] | null} size Width and height of their sheet; null takes their bounds with a margin.
 * @param {number} [side] Side of the new sheet.
 * @returns {Stroke[]}
 */
export function fitToSheet(strokes, size, side = SHEET) {
  const drawn = strokes.filter((stroke) => stroke.length);
  if (!drawn.length) return [];
  const box = boundsOf(drawn);
  const isInside = size && box.left >= 0 && box.top >= 0 && box.right <= size[0] && box.bottom <= size[1];
  const sheet = isInside && size ? { left: 0, top: 0, right: size[0], bottom: size[1] } : withMargin(box);
  const scale = side / Math.max(sheet.right - sheet.left, sheet.bottom - sheet.top);
  const dx = side / 2 - ((sheet.left + sheet.right) / 2) * scale;
  const dy = side / 2 - ((sheet.top + sheet.bottom) / 2) * scale;
  return drawn.map((stroke) => stroke.map(([x, y, ...rest]) => [x * scale + dx, y * scale + dy, ...rest]));
}

/** @param {Bounds} box @returns {Bounds} */
function withMargin(box) {
  const margin = 0.08 * Math.max(box.right - box.left, box.bottom - box.top) || 1;
  return {
    left: box.left - margin,
    top: box.top - margin,
    right: box.right + margin,
    bottom: box.bottom + margin,
  };
}
