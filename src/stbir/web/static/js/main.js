/** Puts the page together: query, canvas, live search, results, dialogs, address. Each part knows its own; this one, all. */

import { Address } from './address.js';
import { Service, ServiceError, imageUrl } from './api.js';
import { Compose } from './compose.js';
import { byId, copyText } from './dom.js';
import { FilterForm } from './filters.js';
import { Found } from './found.js';
import { History } from './history.js';
import { acceptPictures } from './intake.js';
import { askForKey } from './key.js';
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

const NUM_SHOWN = 24;
/** While the pen is down fewer pictures will do: what is out of sight would only slow the next answer. */
const NUM_WHILE_DRAWING = 12;

const service = new Service(askForKey);
const query = new Query();
const pad = new Pad(/** @type {HTMLCanvasElement} */ (byId('ink')), byId('tip'), query.drawing);
const compose = new Compose(query, pad);
const filters = new FilterForm(query);
const results = new Results(byId('hits'));
const live = new LiveSearch(
  (body, signal) => service.search(body, signal),
  () => (query.isEmpty ? null : { ...query.toBody(), top: query.drawing.isDrawing ? NUM_WHILE_DRAWING : NUM_SHOWN }),
);
// Registered before the view, which shows what this starts.
query.addEventListener('change', (event) => live.changed(/** @type {CustomEvent} */ (event).detail.pace));
const found = new Found(query, live, results);
const lightbox = new Lightbox(/** @type {HTMLDialogElement} */ (byId('lightbox')), service, query, results);
const history = new History((hash) => address.visit(hash));
const address = new Address(query, history, () => found.sayFound());
const upkeep = new Upkeep(service);
const notice = new Notice(() => (upkeep.gallery ? live.ask(true) : void start()));

query.addEventListener('change', () => {
  filters.show();
  void nameExample();
});
live.addEventListener('answer', () => {
  notice.hide();
  if (!query.drawing.isDrawing) address.note();
});
live.addEventListener('nothing', () => notice.hide());
live.addEventListener('failure', (event) => notice.show(/** @type {CustomEvent} */ (event).detail.error));

// What can be done with a hit.

results.addEventListener('open', (event) => {
  address.settle();
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
  address.settle();
  query.restore('');
  query.set({ example: { id: hit.id, name: hit.name, data: '', url: '' } });
  address.settle();
  window.scrollTo({ top: 0 });
}

// Pictures from outside.

acceptPictures({
  strokes: (strokes) => query.drawing.replace(strokes),
  sketch: (picture) => query.set({ sketchPicture: picture }),
  example: (picture) => query.set({ example: picture }),
  trace: (picture) => compose.trace(picture),
});

// Header and keys.

const startOver = () => address.visit('');
const shareLink = () => {
  address.settle();
  const isWhole = query.fitsIntoLink;
  void copyText(location.href, isWhole ? 'Link copied' : 'Link copied, without the picture from your disk');
};
const openHistory = () => {
  address.settle();
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
  found.numPictures = gallery.num_pictures;
  live.ask(true);
  if (!gallery.num_pictures) found.showEmptyGallery();
  const answer = await service.examples().catch(() => ({ examples: [] }));
  showExamples(answer.examples, (strokes, text) => {
    query.set({ text });
    drawByHand(query.drawing, strokes, () => address.settle());
  });
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

upkeep.addEventListener('changed', () => {
  found.numPictures = upkeep.gallery.num_pictures;
  live.ask(true);
});
if (location.hash) query.restore(location.hash);
void start();
