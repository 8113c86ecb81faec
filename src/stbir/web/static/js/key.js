/** The dialog that asks for the service's key. */

import { byId } from './dom.js';

/**
 * @param {boolean} wasWrong Whether the key given before does not fit.
 * @returns {Promise<string>}
 */
export function askForKey(wasWrong) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('key-dialog'));
  const form = byId('key-form');
  const input = /** @type {HTMLInputElement} */ (byId('key'));
  if (wasWrong) byId('key-note').textContent = 'This key does not open the gallery. Try another.';
  input.value = '';
  // Without a key there is nothing to go back to.
  dialog.oncancel = (event) => event.preventDefault();
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      form.removeEventListener('submit', take);
      dialog.close();
      resolve(input.value.trim());
    };
    form.addEventListener('submit', take);
  });
}
