/** Puts the page together: query, canvas, live search, results, dialogs, address. Each part knows its own; this one, all. */

import { Service, ServiceError, imageUrl } from './api.js';
import { Compose } from './compose.js';
import { byId, copyText, h } from './dom.js';
import { FilterForm } from './filters.js';
import { History } from './history.js';
import { acceptPictures } from './intake.js';
import { bindKeys } from './keys.js';
import { Lightbox } from './lightbox.js';
import { LiveSearch } from './live.js';
import { Notice } from './notice.js';
import { Pad } from './pad.js';
import { Query } from './query.js';
import { Results } from './results.js';
import { drawByHand, showExamples } from './start.js';
import { toggleTheme } from './theme.js';
import { Upkeep } from './upkeep.js';

/** @typedef {import('./api.js').Hit} Hit */

/** A search is kept in history once it stood for so long. */
const SETTLED_MS = 1500;

const service = new Service(askForKey);
const query = new Query();
const pad = new Pad(/** @type {HTMLCanvasElement} */ (byId('ink')), byId('tip'), query.drawing);
const compose = new Compose(query, pad);
const filters = new FilterForm(query);
const results = new Results(byId('hits'));
const live = new LiveSearch(
  (body, signal) => service.search(body, signal),
  () => (query.isEmpty ? null : query.toBody()),
);
const lightbox = new Lightbox(/** @type {HTMLDialogElement} */ (byId('lightbox')), service, query, results);
const history = new History((hash) => visit(hash));
const upkeep = new Upkeep(service);
const notice = new Notice(() => (upkeep.gallery ? live.ask(true) : void start()));
const found = byId('found');

let settling = 0;
/** Whether the address's newest entry is of a query that is still being made. */
let isDraft = false;

// The query changes: ask, keep the address alike.

query.addEventListener('change', (event) => {
  live.changed(/** @type {CustomEvent} */ (event).detail.pace);
  void nameExample();
  filters.show();
  showWaiting();
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLED_MS);
});

/** Keep the address alike; a query in the making has one entry, however often it changes. */
function noteAddress() {
  const hash = query.toHash();
  if (hash === location.hash.slice(1)) return;
  const address = hash ? `#${hash}` : location.pathname;
  if (isDraft) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  isDraft = true;
}

/** The query stood for a while: remember it in the history. What changes from here on is another one. */
function settle() {
  clearTimeout(settling);
  noteAddress();
  isDraft = false;
  if (!query.isEmpty && query.fitsIntoLink) history.add(query.toHash());
}

/** Make another query the present one; the present one stays one step back. @param {string} hash */
function visit(hash) {
  settle();
  query.restore(hash);
  settle();
}

window.addEventListener('popstate', () => {
  isDraft = false;
  query.restore(location.hash);
});

// Answers come in.

function showWaiting() {
  found.setAttribute('aria-busy', String(live.isWaiting));
}

live.addEventListener('busy', () => {
  showWaiting();
  if (!results.hits.length) {
    found.dataset.state = 'results';
    results.showWaiting();
  }
});

live.addEventListener('answer', (event) => {
  const { answer, isMore } = /** @type {CustomEvent} */ (event).detail;
  showWaiting();
  notice.hide();
  found.dataset.state = 'results';
  results.show(answer.hits, query.weights, { isMore, isCalm: query.drawing.isDrawing });
  if (!query.drawing.isDrawing) noteAddress();
  byId('more').hidden = !live.hasMore;
  showCount(answer);
});

live.addEventListener('nothing', () => {
  showWaiting();
  notice.hide();
  results.clear();
  found.dataset.state = 'start';
  byId('status').textContent = '';
  byId('more').hidden = byId('no-hits').hidden = true;
});

live.addEventListener('failure', (event) => {
  showWaiting();
  if (!results.hits.length) results.clear();
  notice.show(/** @type {CustomEvent} */ (event).detail.error);
});

/** @param {import('./api.js').Answer} answer */
function showCount(answer) {
  const count = results.hits.length;
  const all = upkeep.gallery?.num_pictures;
  const milliseconds = Math.max(1, Math.round(answer.took_ms?.total ?? 0));
  const of = all ? ` of ${Number(all).toLocaleString()}` : '';
  byId('status').textContent = count ? `Best ${count}${of} · ${milliseconds} ms` : '';
  const nothing = byId('no-hits');
  nothing.hidden = count > 0;
  const isFiltered = Object.keys(query.filters).length > 0;
  byId('no-hits-text').textContent = isFiltered ? 'No picture passes the filters.' : 'No picture was found.';
  byId('no-hits-reset').hidden = !isFiltered;
}

// What can be done with a hit.

results.addEventListener('open', (event) => {
  settle();
  lightbox.open(/** @type {CustomEvent} */ (event).detail.index);
});
results.addEventListener('similar', (event) =>
  findSimilar(results.hits[/** @type {CustomEvent} */ (event).detail.index]),
);
lightbox.addEventListener('similar', (event) => findSimilar(/** @type {CustomEvent} */ (event).detail.hit));
lightbox.addEventListener('trace', (event) => {
  const { id, name } = /** @type {CustomEvent<{hit: Hit}>} */ (event).detail.hit;
  compose.trace({ id, name, data: '', url: imageUrl(id) });
  pad.canvas.focus({ preventScroll: true });
  pad.canvas.scrollIntoView({ block: 'nearest' });
});

/** Start over from a picture; the search before it stays one step back. @param {Hit} hit */
function findSimilar(hit) {
  settle();
  query.restore('');
  query.set({ example: { id: hit.id, name: hit.name, data: '', url: '' } });
  settle();
  window.scrollTo({ top: 0 });
}

byId('more').addEventListener('click', () => live.more());
byId('no-hits-reset').addEventListener('click', () => query.set({ filters: {} }));

// Pictures from outside.

acceptPictures({
  strokes: (strokes) => query.drawing.replace(strokes),
  sketch: (picture) => query.set({ sketchPicture: picture }),
  example: (picture) => query.set({ example: picture }),
  trace: (picture) => compose.trace(picture),
});

// Header and keys.

const startOver = () => visit('');
const shareLink = () => {
  settle();
  const isWhole = query.fitsIntoLink;
  void copyText(location.href, isWhole ? 'Link copied' : 'Link copied, without the picture from your disk');
};
const openHistory = () => {
  settle();
  history.open();
};
const openHelp = () => /** @type {HTMLDialogElement} */ (byId('help')).showModal();

byId('new-button').addEventListener('click', startOver);
byId('history-button').addEventListener('click', openHistory);
byId('link-button').addEventListener('click', shareLink);
byId('theme-button').addEventListener('click', toggleTheme);
byId('help-button').addEventListener('click', openHelp);
for (const button of document.querySelectorAll('[data-close]')) {
  button.addEventListener('click', () => button.closest('dialog')?.close());
}

bindKeys([
  { keys: ['d'], label: 'D', does: 'Go to the canvas; arrows move, space draws', run: () => pad.canvas.focus() },
  { keys: ['p'], label: 'P', does: 'Pen', run: () => compose.choose('pen') },
  { keys: ['e'], label: 'E', does: 'Eraser', run: () => compose.choose('eraser') },
  { keys: ['s'], label: 'S', does: 'Erase whole strokes', run: () => compose.choose('stroke-eraser') },
  { keys: ['ctrl+z'], label: 'Ctrl Z', does: 'Undo', run: () => query.drawing.undo() },
  { keys: ['ctrl+shift+z', 'ctrl+y'], label: 'Ctrl Shift Z', does: 'Redo', run: () => query.drawing.redo() },
  { keys: ['delete'], label: 'Delete', does: 'Clear the drawing', run: () => compose.clearDrawing() },
  { keys: ['/', 't'], label: '/ or T', does: 'Go to the words', run: () => compose.text.focus() },
  { keys: ['n'], label: 'N', does: 'Go to what it should not be', run: () => compose.not.focus() },
  { keys: ['['], label: '[', does: 'Trust the drawing more', run: () => compose.nudgeBalance(-10) },
  { keys: [']'], label: ']', does: 'Trust the words more', run: () => compose.nudgeBalance(10) },
  { keys: ['r'], label: 'R', does: 'Go to the results; arrows walk, enter opens', run: focusResults },
  { keys: ['f'], label: 'F', does: 'Filters', run: () => filters.toggle() },
  { keys: ['o'], label: 'O', does: 'Use a picture or a drawing file', run: () => byId('picture-file').click() },
  { keys: ['h'], label: 'H', does: 'History', run: openHistory },
  { keys: ['l'], label: 'L', does: 'Copy a link to this search', run: shareLink },
  { keys: ['c'], label: 'C', does: 'New search', run: startOver },
  { keys: ['g'], label: 'G', does: 'About the gallery', run: () => upkeep.open() },
  { keys: ['?'], label: '?', does: 'This help', run: openHelp },
]);

function focusResults() {
  /** @type {HTMLElement | null} */ (byId('hits').querySelector('.card'))?.focus();
}

compose.text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') live.ask();
  if (event.key === 'ArrowDown') focusResults();
});

// Start.

/** @param {boolean} wasWrong @returns {Promise<string>} */
function askForKey(wasWrong) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('key-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('key'));
  if (wasWrong) byId('key-note').textContent = 'This key does not open the gallery. Try another.';
  input.value = '';
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    const take = (/** @type {Event} */ event) => {
      event.preventDefault();
      byId('key-form').removeEventListener('submit', take);
      dialog.close();
      resolve(input.value.trim());
    };
    byId('key-form').addEventListener('submit', take);
  });
}

async function start() {
  try {
    await upkeep.load();
    void upkeep.follow();
  } catch (error) {
    notice.show(error instanceof ServiceError ? error : new ServiceError('broken', String(error)));
    return;
  }
  const { gallery } = upkeep;
  document.title = `${gallery.name} · stbir`;
  pad.setLineShare(gallery.line_width_share);
  filters.build(gallery.folders ?? [], gallery.filters?.columns ?? []);
  notice.hide();
  live.ask(true);
  if (!gallery.num_pictures) showEmptyGallery();
  const answer = await service.examples().catch(() => ({ examples: [] }));
  showExamples(answer.examples, (strokes, text) => {
    query.set({ text });
    drawByHand(query.drawing, strokes, settle);
  });
}

function showEmptyGallery() {
  const command = h('code', {}, 'stbir index PHOTOS --gallery DIR');
  byId('start-text').replaceChildren(
    'This gallery holds no pictures yet. Fill it with ',
    command,
    '; they can be found at once.',
  );
}

/** A link names an example by its id alone. */
async function nameExample() {
  const { example } = query;
  if (!example?.id || example.name) return;
  example.name = example.id;
  const info = await service.imageInfo(example.id).catch(() => null);
  if (info) example.name = info.name;
  compose.show();
}

upkeep.addEventListener('changed', () => live.ask(true));
if (location.hash) query.restore(location.hash);
void start();
