// The address that restores a query.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { fitToSheet } from '../../../../src/stbir/web/static/js/geometry.js';
import { decodeStrokes, encodeStrokes, fromHash, toHash } from '../../../../src/stbir/web/static/js/link.js';

const EMPTY = { strokes: [], text: '', not: '', image: '', balance: 50, filters: {} };

test('an empty query is an empty link', () => {
  assert.equal(toHash(EMPTY), '');
  assert.deepEqual(fromHash('#'), EMPTY);
});

test('everything comes back, whatever the words hold', () => {
  const saved = {
    strokes: [
      [
        [0, 0],
        [1024, 512],
        [3, 1000],
      ],
      [[-7, 5]],
    ],
    text: 'rotes "Kleid" & <b>½</b> שמלה #1',
    not: 'a+b=c',
    image: 'ab/c?d',
    balance: 0,
    filters: { orientation: 'portrait', where: "path LIKE '%a&b%'" },
  };
  assert.deepEqual(fromHash(`#${toHash(saved)}`), saved);
});

test('a shipped drawing fits into a short link and comes back within a unit', () => {
  const file = new URL('../../../../samples/drawings/s-sandal-00006-01.json', import.meta.url);
  const { strokes, size } = JSON.parse(readFileSync(file, 'utf8'));
  const sheet = fitToSheet(strokes, size);
  const text = encodeStrokes(sheet);
  assert.ok(text.length < 1200, `${text.length} characters`);
  const back = decodeStrokes(text);
  assert.equal(back.length, sheet.length);
  back.forEach((stroke, i) => {
    const [x, y] = stroke.at(-1);
    assert.ok(Math.abs(x - sheet[i].at(-1)[0]) <= 0.5 && Math.abs(y - sheet[i].at(-1)[1]) <= 0.5);
  });
});

test('encoding what was decoded changes nothing', () => {
  const text = encodeStrokes([
    [
      [1.2, 3.7],
      [500.4, 20],
      [505, 900.9],
    ],
  ]);
  assert.equal(encodeStrokes(decodeStrokes(text)), text);
});

test('hostile links are read as nothing, not as an error', () => {
  for (const text of ['!!!', 'AQ', 'Aw', 'AQD', 'AQr_', 'AQH_____', 'A'.repeat(50_000), encodeStrokes([[[9000, 0]]])]) {
    assert.deepEqual(decodeStrokes(text), []);
  }
  assert.equal(fromHash('#b=NaN').balance, 50);
  assert.equal(fromHash('#b=-5').balance, 50);
  assert.equal(fromHash(`#t=${'x'.repeat(9000)}`).text.length, 2000);
});
