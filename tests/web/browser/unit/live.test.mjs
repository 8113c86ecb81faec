// Searching while one draws: how often is asked, and which answer counts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { LiveSearch } from '../../../../src/stbir/web/static/js/live.js';

/** A service that is answered by hand, and what the search told. */
function rig(initial = { text: 'a' }) {
  const state = { body: initial, asked: [], told: [] };
  const search = (body, signal) =>
    new Promise((resolve, reject) => {
      const request = {
        body,
        signal,
        answer: (hits) => resolve({ hits, next_offset: null, took_ms: {} }),
        fail: reject,
      };
      signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
      state.asked.push(request);
    });
  const live = new LiveSearch(search, () => state.body);
  for (const what of ['answer', 'failure', 'nothing']) {
    live.addEventListener(what, (event) =>
      state.told.push([what, event.detail?.answer?.hits ?? event.detail?.error?.kind]),
    );
  }
  return { live, state };
}

test('many changes in a row are asked once', async () => {
  const { live, state } = rig();
  for (let i = 0; i < 20; i++) live.changed('ink');
  await sleep(90);
  assert.equal(state.asked.length, 1);
});

test('a line that never pauses is searched all the same', async () => {
  const { live, state } = rig();
  const until = performance.now() + 500;
  for (let i = 0; performance.now() < until; i++) {
    state.body = { text: String(i) };
    live.changed('ink');
    state.asked.at(-1)?.answer([]);
    await sleep(10);
  }
  assert.ok(state.asked.length >= 2 && state.asked.length <= 5, `asked ${state.asked.length} times`);
});

test('a new question waits for the answer under way, and follows it at once', async () => {
  const { live, state } = rig();
  live.changed('now');
  state.body = { text: 'b' };
  live.changed('now');
  assert.equal(state.asked.length, 1);
  state.asked[0].answer(['old']);
  await sleep(5);
  assert.equal(state.asked.length, 2);
  state.asked[1].answer(['new']);
  await sleep(5);
  assert.deepEqual(state.told, [
    ['answer', ['old']],
    ['answer', ['new']],
  ]);
});

test('an answer that takes too long is given up, and dropped should it still come', async () => {
  const { live, state } = rig();
  live.changed('now');
  state.body = { text: 'b' };
  live.changed('now');
  await sleep(320);
  assert.equal(state.asked.length, 2);
  assert.ok(state.asked[0].signal.aborted);
  state.asked[1].answer(['new']);
  state.asked[0].answer(['old']);
  await sleep(5);
  assert.deepEqual(state.told, [['answer', ['new']]]);
});

test('the same question is not asked twice, unless it failed', async () => {
  const { live, state } = rig();
  live.changed('now');
  state.asked[0].answer([]);
  await sleep(5);
  live.changed('now');
  assert.equal(state.asked.length, 1);
  state.body = { text: 'b' };
  live.changed('now');
  state.asked[1].fail(new Error('boom'));
  await sleep(5);
  live.changed('now');
  assert.equal(state.asked.length, 3);
  assert.deepEqual(state.told.at(-1), ['failure', 'broken']);
});

test('an empty query forgets the answer under way', async () => {
  const { live, state } = rig();
  live.changed('now');
  state.body = null;
  live.ask();
  state.asked[0].answer(['late']);
  await sleep(5);
  assert.deepEqual(state.told, [['nothing', undefined]]);
});
