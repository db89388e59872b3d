// The stores without a browser: what frames do to them.
import test from 'node:test';
import assert from 'node:assert/strict';
import './loader.mjs';

const at = new URL('../../../src/console/static/app/', import.meta.url).href;
const board = await import(`${at}store/board.js`);
const words = await import(`${at}store/words.js`);
const clock = await import(`${at}store/clock.js`);
const fmt = await import(`${at}fmt.js`);

const counts = { available: 1, opted_out: 0, busy: 0, offline: 0 };
const queue = (id, more = {}) => ({ id, kind: 'queue', waiting: 0, oldest_at: null, ringing: 0, talking: 0, agents: counts, offerable: 1, today: { offered: 0, answered: 0, abandoned: 0, short_abandoned: 0, exited: 0 }, ...more });
const pair = (more = {}) => ({ presence: 'available', detail: 'idle', offerable: true, blocked_by: null, source: 'direct', ...more });
const agent = (id, more = {}) => ({ id, name: id.slice(4), status: 'ready', reason: null, next: null, forced_by: null, presence: 'available', offerable: true, detail: 'idle', since: '2026-01-01T10:00:00.000Z', calls: [], queues: { support: pair() }, ...more });
const call = (id, more = {}) => ({ id, queue: 'support', media: 'voice', state: 'waiting', from: '+15551230001', arrived_at: '2026-01-01T10:00:00.000Z', entered_at: '2026-01-01T10:00:00.000Z', queued_at: '2026-01-01T10:00:00.000Z', rank: 1, priority: 0, agent: null, offers: [], ...more });
const snapshot = (more) => ({ type: 'snapshot', epoch: 'e', seq: 1, at: '2026-01-01T10:00:00.000Z', part: 1, parts: 1, queues: [], agents: [], calls: [], ...more });
const delta = (more) => ({ type: 'delta', seq: 2, prev: 1, at: '2026-01-01T10:00:01.000Z', queues: [], agents: [], calls: [], removed: { queues: [], agents: [], calls: [] }, ...more });

test('a snapshot in parts is whole with its last', () => {
  board.apply([snapshot({ parts: 2, agents: [agent('usr_a')] })]);
  assert.equal(board.whole.value, false);
  board.apply([snapshot({ part: 2, parts: 2, agents: [agent('usr_b', { presence: 'busy', detail: 'break' })], queues: [queue('support')] })]);
  assert.equal(board.whole.value, true);
  assert.deepEqual(board.tally.value, [1, 1, 0, 0]);
  assert.deepEqual([...board.queueIds.value], ['support']);
});

test('a delta changes, adds and removes', () => {
  board.apply([snapshot({ agents: [agent('usr_a'), agent('usr_b')], queues: [queue('support')], calls: [call('cal_1')] })]);
  const slot = board.slotOf('usr_a'), was = board.versionOf(slot);
  board.apply([delta({ agents: [agent('usr_a', { presence: 'offline', detail: null, status: 'offline' })], calls: [call('cal_2', { rank: 0 })] })]);
  assert.equal(board.versionOf(slot), was + 1);
  assert.equal(board.toneOf(slot), 3);
  assert.deepEqual(board.waitingIn('support').map((c) => c.id), ['cal_2', 'cal_1']);
  board.apply([delta({ removed: { queues: ['support'], agents: ['usr_b'], calls: ['cal_1'] } })]);
  assert.deepEqual(board.tally.value, [0, 0, 0, 1]);
  assert.equal(board.slotOf('usr_b'), -1);
  assert.deepEqual([...board.queueIds.value], []);
  assert.deepEqual([...board.calls.keys()], ['cal_2']);
  // The slot of who has gone is the next one's.
  board.apply([delta({ agents: [agent('usr_c')] })]);
  assert.equal(board.idAt(board.slotOf('usr_c')), 'usr_c');
  assert.deepEqual(board.tally.value, [1, 0, 0, 1]);
});

test('what an agent is in each queue survives packing', () => {
  const busy = pair({ presence: 'busy', detail: 'other_work', offerable: false, blocked_by: 'capacity', source: 'team' });
  const delayed = pair({ presence: 'available', detail: 'wrap_up', offerable: false, blocked_by: 'delay' });
  board.apply([snapshot({ agents: [agent('usr_a', { queues: { sales: busy, support: delayed }, calls: ['cal_1'] })] })]);
  const slot = board.slotOf('usr_a');
  assert.deepEqual(board.pairOf(slot, 'sales'), { queue: 'sales', tone: 1, detail: words.DETAIL_AT.other_work, offerable: false, blocked: 'capacity', team: true });
  assert.deepEqual(board.pairOf(slot, 'support'), { queue: 'support', tone: 0, detail: words.DETAIL_AT.wrap_up, offerable: false, blocked: 'delay', team: false });
  assert.equal(board.pairOf(slot, 'none'), null);
  assert.deepEqual(board.pairTones(slot), [1, 1, 0, 0]);
  assert.equal(board.worksIn(slot), 'support');
  assert.deepEqual(board.staffOf('sales'), [slot]);
});

test('five thousand agents and fifty thousand changes are soon applied', () => {
  const many = Array.from({ length: 5000 }, (_, i) => agent(`usr_${i}`));
  board.apply([snapshot({ agents: many })]);
  for (let n = 0; n < 10; n++) board.apply([delta({ agents: many.map((a, i) => ({ ...a, presence: (i + n) % 2 ? 'busy' : 'available' })) })]);
  assert.deepEqual(board.tally.value, [2500, 2500, 0, 0]);
  assert.equal(board.versionOf(board.slotOf('usr_4999')), 11);
});

test('each of the four colours has its own words', () => {
  const said = (tone, detail, offerable = false) => words.stateOf(tone, words.DETAIL_AT[detail ?? ''], offerable);
  assert.deepEqual([said(3, null).label, said(3, null).solid], ['Logged out', false]);
  assert.deepEqual([said(2, 'idle').label, said(1, 'break').solid], ['Opted out', false]);
  assert.deepEqual([said(0, 'idle', true).label, said(0, 'idle', true).solid], ['Available', false]);
  assert.deepEqual([said(0, 'talking').label, said(0, 'talking').solid], ['On call', true]);
});

test('durations stand still while the link is down', () => {
  clock.link.value = 'live';
  clock.heard(1_000_000, 1_000_000);
  clock.second.value = 1005;
  assert.equal(clock.nowSec.value, 1005);
  clock.link.value = 'lost';
  clock.second.value = 1010;
  assert.equal(clock.nowSec.value, 1000);
  clock.link.value = 'live';
});

test('figures are written as the conventions say', () => {
  assert.deepEqual([7, 962, 3849].map(fmt.duration), ['0:07', '16:02', '1:04:09']);
  assert.deepEqual([null, 0, 1, 0.8561].map(fmt.percent), ['–', '0%', '100%', '85.6%']);
  assert.equal(fmt.masked('+447700903391'), '+44••••3391');
  assert.equal(fmt.masked(null), 'withheld');
  assert.equal(fmt.count(8200), '8,200');
  fmt.zone.value = 'Asia/Tokyo';
  assert.equal(fmt.time(Date.UTC(2026, 0, 1, 0, 0, 5)), '09:00:05');
});

test('an instant is read as Date.parse reads it, also across midnight and in other forms', () => {
  for (const text of ['2026-03-29T10:32:05.123Z', '2026-03-29T23:59:59.999Z', '2026-03-30T00:00:00.000Z', '1999-12-31T01:02:03.040Z', '2026-03-29T10:32:05Z']) {
    assert.equal(board.instant(text), Date.parse(text), text);
  }
});
