// The drawing and its geometry: what the canvas shows and what is sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Drawing } from '../../../../src/stbir/web/static/js/drawing.js';
import { cut, distanceBetweenSegments, fitToSheet, simplified } from '../../../../src/stbir/web/static/js/geometry.js';

const line = (x1, y1, x2, y2) => [
  [x1, y1],
  [x2, y2],
];

function drawn(...strokes) {
  const drawing = new Drawing();
  for (const [first, ...rest] of strokes) {
    drawing.begin(first);
    drawing.extend(rest);
    drawing.end();
  }
  return drawing;
}

test('undo and redo walk through the strokes, and a new stroke ends the way forward', () => {
  const drawing = drawn(line(0, 0, 100, 0), line(0, 50, 100, 50));
  assert.equal(drawing.strokes.length, 2);
  drawing.undo();
  assert.equal(drawing.strokes.length, 1);
  drawing.redo();
  assert.equal(drawing.strokes.length, 2);
  drawing.undo();
  drawing.begin([5, 5]);
  drawing.end();
  assert.equal(drawing.canRedo, false);
  drawing.undo();
  drawing.undo();
  assert.ok(drawing.isEmpty && !drawing.canUndo);
});

test('clearing is one step of undo, clearing nothing is none', () => {
  const drawing = drawn(line(0, 0, 100, 0), line(0, 50, 100, 50));
  drawing.clear();
  assert.ok(drawing.isEmpty);
  drawing.undo();
  assert.equal(drawing.strokes.length, 2);
  const empty = new Drawing();
  empty.clear();
  assert.equal(empty.canUndo, false);
});

test('a cancelled stroke leaves no trace', () => {
  const drawing = drawn(line(0, 0, 100, 0));
  drawing.begin([1, 1]);
  drawing.extend([[50, 50]]);
  drawing.cancel();
  assert.equal(drawing.strokes.length, 1);
  drawing.undo();
  assert.ok(drawing.isEmpty);
});

test('the live stroke counts, and tiny steps add no points', () => {
  const drawing = new Drawing();
  let changes = 0;
  drawing.addEventListener('change', () => changes++);
  drawing.begin([0, 0]);
  drawing.extend([
    [0.5, 0],
    [1, 0],
    [10, 0],
  ]);
  assert.deepEqual(drawing.strokes, [
    [
      [0, 0],
      [10, 0],
    ],
  ]);
  assert.equal(changes, 2);
});

test('points over the limit are left out', () => {
  const drawing = new Drawing();
  drawing.begin([0, 0]);
  drawing.extend(Array.from({ length: 30_000 }, (_, i) => [(i % 2) * 100, i]));
  assert.equal(drawing.numPoints, 20_000);
});

test('the stroke eraser takes whole strokes, also when it jumps across one between two events', () => {
  const drawing = drawn(line(0, 0, 100, 0), line(0, 50, 100, 50));
  drawing.beginErase();
  drawing.erase([50, -20], [50, 20], 2, true);
  drawing.endErase();
  assert.deepEqual(drawing.strokes, [line(0, 50, 100, 50)]);
  drawing.undo();
  assert.equal(drawing.strokes.length, 2);
});

test('erasing beside every stroke is no step of undo', () => {
  const drawing = drawn(line(0, 0, 100, 0));
  drawing.beginErase();
  drawing.erase([0, 400], [100, 400], 10, false);
  drawing.endErase();
  drawing.undo();
  assert.ok(drawing.isEmpty);
});

test('the eraser cuts a line in two and leaves a gap of its own width', () => {
  const pieces = cut(line(0, 0, 100, 0), [50, 0], [50, 0], 10);
  assert.equal(pieces.length, 2);
  const [left, right] = [pieces[0].at(-1)[0], pieces[1][0][0]];
  assert.ok(left < 40 && left > 36 && right > 60 && right < 64, `${left} ${right}`);
  assert.deepEqual(
    [pieces[0][0], pieces[1].at(-1)],
    [
      [0, 0],
      [100, 0],
    ],
  );
});

test('time and pressure travel along when a line is cut', () => {
  const [piece] = cut(
    [
      [0, 0, 0, 1],
      [100, 0, 100, 0],
    ],
    [100, 0],
    [100, 0],
    10,
  );
  const [x, , t, pressure] = piece.at(-1);
  assert.ok(Math.abs(t - x) < 1e-9 && Math.abs(pressure - (1 - x / 100)) < 1e-9);
});

test('a dot is erased, and crossing lines have no distance', () => {
  assert.deepEqual(cut([[5, 5]], [0, 5], [10, 5], 1), []);
  assert.equal(distanceBetweenSegments([0, 0], [10, 10], [0, 10], [10, 0]), 0);
  assert.equal(distanceBetweenSegments([0, 0], [10, 0], [0, 3], [10, 3]), 3);
});

test('simplifying keeps corners and ends, drops points on the line', () => {
  const stroke = [
    [0, 0],
    [10, 0.1],
    [20, 0],
    [20, 20],
  ];
  assert.deepEqual(simplified(stroke, 0.5), [
    [0, 0],
    [20, 0],
    [20, 20],
  ]);
});

test('a drawing is fitted to the sheet by its size, or by its ink where it lies outside', () => {
  assert.deepEqual(
    fitToSheet(
      [
        [
          [0, 0],
          [400, 200, 7],
        ],
      ],
      [400, 400],
      1000,
    ),
    [
      [
        [0, 0],
        [1000, 500, 7],
      ],
    ],
  );
  const outside = fitToSheet(
    [
      [
        [-100, 0],
        [900, 0],
      ],
    ],
    [400, 400],
    1000,
  )[0];
  assert.ok(outside[0][0] > 50 && outside[1][0] < 950 && Math.abs(outside[0][1] - 500) < 1e-9);
  const dot = fitToSheet([[[7, 7]]], null, 1000)[0][0];
  assert.ok(dot.every((value) => Math.abs(value - 500) < 1e-9));
});
