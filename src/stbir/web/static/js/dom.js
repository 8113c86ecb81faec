/**
 * The few helpers with which the page builds elements. Text goes in as text, never as HTML: there is no other way in here.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element of the page that must be there.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | EventListener | null | undefined>} [attributes] Functions are
 *   listeners (`onclick`), booleans are present or absent; `class` and `data-*` as in HTML.
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** One of the symbols in the page's sprite. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Say something to screen readers. @param {string} message */
export function announce(message) {
  byId('announcer').textContent = message;
}

/** Show a short note that goes away. @param {string} message */
export function toast(message) {
  const note = byId('toast');
  note.textContent = message;
  note.dataset.shown = '';
  clearTimeout(Number(note.dataset.timer));
  note.dataset.timer = String(setTimeout(() => delete note.dataset.shown, 2600));
}

/** @param {string} text @param {string} done What to say when it worked. */
export async function copyText(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    // Over plain http from another machine browsers offer no clipboard: let the user copy it by hand.
    window.prompt('Copy:', text);
  }
}

export const prefersReducedMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** @param {EventTarget | null} target Whether keys typed there are text. */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['range', 'checkbox', 'radio', 'button'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
