/**
 * Shortcuts of the whole page. Single letters work where nothing is typed, and can be switched off, because speech input
 * and stray keys would set them off.
 */

import { byId, h, isTyping } from './dom.js';

/** @typedef {{keys: string[], label: string, does: string, run: () => void}} Shortcut */

const OFF = 'stbir.single-keys';

/** @param {Shortcut[]} shortcuts `keys` as in `KeyboardEvent.key`, lower case, with `ctrl+` and `shift+` before. */
export function bindKeys(shortcuts) {
  const byKey = new Map(shortcuts.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut])));
  const box = /** @type {HTMLInputElement} */ (byId('single-keys'));
  box.checked = areOn();
  box.addEventListener('change', () => keep(box.checked));
  document.addEventListener('keydown', (event) => {
    const name = nameOf(event);
    const shortcut = byKey.get(name);
    if (!shortcut || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const isSingle = !name.startsWith('ctrl+');
    if (isTyping(event.target) || (isSingle && !box.checked)) return;
    event.preventDefault();
    shortcut.run();
  });
  byId('keys').replaceChildren(
    ...shortcuts.flatMap(({ label, does }) => [h('dt', {}, ...caps(label)), h('dd', {}, does)]),
  );
}

/** @param {KeyboardEvent} event */
function nameOf(event) {
  const key = event.key.toLowerCase();
  const isLetter = /^[a-z]$/.test(key);
  const ctrl = event.ctrlKey || event.metaKey ? 'ctrl+' : '';
  const shift = event.shiftKey && isLetter ? 'shift+' : '';
  return event.altKey ? '' : ctrl + shift + key;
}

/** @param {string} label Keys separated by spaces. */
function caps(label) {
  return label.split(' ').map((key) => (key === 'or' ? ' or ' : h('kbd', {}, key)));
}

function areOn() {
  try {
    return localStorage.getItem(OFF) !== 'off';
  } catch {
    return true;
  }
}

/** @param {boolean} isOn */
function keep(isOn) {
  try {
    localStorage.setItem(OFF, isOn ? 'on' : 'off');
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
}
