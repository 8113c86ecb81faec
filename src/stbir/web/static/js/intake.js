/**
 * Pictures and drawing files from outside: dropped, pasted or opened. Stroke files become strokes at once; of a picture
 * the user says what it is for. Large pictures are shrunk here, so that little travels.
 */

import { byId, toast } from './dom.js';
import { fitToSheet } from './geometry.js';

/** @typedef {import('./geometry.js').Stroke} Stroke */
/** @typedef {import('./query.js').Picture} Picture */

const MAX_FILE_BYTES = 64_000_000;
const MAX_DRAWING_BYTES = 8_000_000;
const MAX_SIDE_PX = 1600;

/**
 * @typedef {object} Uses What can be done with what comes in.
 * @property {(strokes: Stroke[]) => void} strokes
 * @property {(picture: Picture) => void} sketch
 * @property {(picture: Picture) => void} example
 * @property {(picture: Picture) => void} trace
 */

/** @param {Uses} uses */
export function acceptPictures(uses) {
  const input = /** @type {HTMLInputElement} */ (byId('picture-file'));
  const take = (/** @type {Iterable<File> | null | undefined} */ files) => {
    const [file] = files ?? [];
    if (file) void takeFile(file, uses).catch((error) => toast(error.message));
  };
  byId('open-picture').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    take(input.files);
    input.value = '';
  });
  document.addEventListener('paste', (event) => take(event.clipboardData?.files));
  acceptDrops(take);
}

/** @param {(files: FileList | undefined) => void} take */
function acceptDrops(take) {
  const veil = byId('drop');
  const isFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  let depth = 0;
  const show = (/** @type {number} */ change) => {
    depth = Math.max(0, depth + change);
    veil.hidden = depth === 0;
  };
  document.addEventListener('dragenter', (event) => isFile(event) && show(1));
  document.addEventListener('dragleave', (event) => isFile(event) && show(-1));
  document.addEventListener('dragover', (event) => isFile(event) && event.preventDefault());
  document.addEventListener('drop', (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    show(-depth);
    take(event.dataTransfer?.files);
  });
}

/** @param {File} file @param {Uses} uses */
async function takeFile(file, uses) {
  if (file.size > MAX_FILE_BYTES) throw new Error(`${file.name} is too large: give a picture of up to 64 MB`);
  if (file.type === 'application/json' || file.name.endsWith('.json')) {
    uses.strokes(await readStrokes(file));
    return;
  }
  const picture = await readPicture(file);
  const choice = await askWhatFor(picture);
  if (choice) uses[choice](picture);
}

/** @param {File} file @returns {Promise<Stroke[]>} */
async function readStrokes(file) {
  const wrong = new Error(`${file.name} is no drawing: expected {"strokes": [[[x, y], …], …], "size": [w, h]}`);
  if (file.size > MAX_DRAWING_BYTES) throw wrong;
  const { strokes, size } = await file
    .text()
    .then(JSON.parse)
    .catch(() => ({}));
  const isNumber = (/** @type {unknown} */ value) => typeof value === 'number' && Math.abs(value) < 1e7;
  const isPoint = (/** @type {unknown} */ point) =>
    Array.isArray(point) && point.length >= 2 && point.length <= 4 && point.every(isNumber);
  const isStroke = (/** @type {unknown} */ stroke) => Array.isArray(stroke) && stroke.every(isPoint);
  if (!Array.isArray(strokes) || !strokes.every(isStroke) || !strokes.flat().length) throw wrong;
  return fitToSheet(
    strokes,
    Array.isArray(size) && size.length === 2 && size.every(isNumber) ? [size[0], size[1]] : null,
  );
}

/** @param {File} file @returns {Promise<Picture>} */
async function readPicture(file) {
  const isVector = file.type === 'image/svg+xml' || file.name.endsWith('.svg');
  const blob = isVector ? file : await shrunk(file);
  return {
    id: '',
    data: await base64(blob),
    url: URL.createObjectURL(isVector ? new Blob([file], { type: 'image/svg+xml' }) : blob),
    name: file.name,
  };
}

/** @param {File} file @returns {Promise<Blob>} */
async function shrunk(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name || 'The file'} cannot be read as a picture: give a JPEG, PNG, WebP or SVG`);
  });
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((resolve, reject) => {
    const take = (/** @type {Blob | null} */ blob) =>
      blob ? resolve(blob) : reject(new Error('The picture is too large'));
    canvas.toBlob(take, 'image/jpeg', 0.9);
  });
}

/** @param {Blob} blob @returns {Promise<string>} */
async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

/** @param {Picture} picture @returns {Promise<'sketch' | 'example' | 'trace' | null>} */
function askWhatFor(picture) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('choice'));
  /** @type {HTMLImageElement} */ (byId('choice-image')).src = picture.url;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const choose = (/** @type {'sketch' | 'example' | 'trace'} */ use) => () => dialog.close(use);
    byId('choice-sketch').onclick = choose('sketch');
    byId('choice-example').onclick = choose('example');
    byId('choice-trace').onclick = choose('trace');
    dialog.addEventListener(
      'close',
      () => resolve(/** @type {'sketch' | 'example' | 'trace' | null} */ (dialog.returnValue || null)),
      { once: true },
    );
  });
}
