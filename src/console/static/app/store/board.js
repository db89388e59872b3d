// @ts-check
// The live board: columns per agent, a signal per queue, calls by id. No DOM.
//
// A change of an agent is a dozen writes into columns and a step of `version`; whatever is not on the
// screen costs no more than that. What the grids show is settled in `arrange` (agents.js).
import { batch, signal } from '@preact/signals-core';
import { DETAIL_AT, TONE_AT } from './words.js';

/**
 * @typedef {import('../wire').AgentRow} AgentRow
 * @typedef {import('../wire').QueueRow} QueueRow
 * @typedef {import('../wire').CallRow} CallRow
 * @typedef {{ queue: string, tone: number, detail: number, offerable: boolean, blocked: string, team: boolean
 *   }} Pair
 */

const STATUSES = ['offline', 'online', 'ready', 'on_break'];
const BLOCKS = [
  '',
  'offline',
  'inactive',
  'blocked',
  'training',
  'break',
  'opted_out',
  'not_ready',
  'next_pending',
  'reconnecting',
  'device_lost',
  'no_way_to_ring',
  'wrap_up',
  'media_blocked',
  'capacity',
  'delay',
];
const BLOCK_AT = new Map(BLOCKS.map((word, at) => [word, at]));
const NONE = /** @type {never[]} */ ([]);

let day = '',
  dayAt = 0;
/** Digits of a text, as a number. @param {string} text @param {number} at */
const two = (text, at) => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;
/**
 * An instant of the wire (2026-03-29T10:32:05.123Z) as ms: as Date.parse, in a tenth of its time. Thousands
 * come in a second.
 * @param {string} text
 */
export function instant(text) {
  if (text.length !== 24) return Date.parse(text);
  if (!text.startsWith(day) || !day) {
    day = text.slice(0, 11);
    dayAt = Date.parse(`${day}00:00:00Z`);
  }
  const seconds = two(text, 11) * 3600 + two(text, 14) * 60 + two(text, 17);
  return dayAt + seconds * 1000 + (text.charCodeAt(20) - 48) * 100 + two(text, 21);
}

let room = 0;
/** Agent's slot by id. @type {Map<string, number>} */ const slots = new Map();
/** @type {number[]} */ const free = [];
/** @type {string[]} */ const ids = [];
/** @type {string[]} */ const names = [];
/** @type {string[]} */ const reasons = [];
/** @type {string[]} */ const forced = [];
/** @type {readonly string[][]} */ let calls_ = [];
/** Packed: queue number · 2^14 + bits. @type {readonly number[][]} */ let pairs_ = [];
let tones = new Uint8Array(0),
  details = new Uint8Array(0),
  flags = new Uint8Array(0);
let statuses = new Uint8Array(0),
  nexts = new Uint8Array(0),
  sinces = new Float64Array(0),
  versions = new Uint32Array(0);

/** Queue numbers, for the packed pairs. @type {string[]} */ const queueNames = [];
/** @type {Map<string, number>} */ const queueAt = new Map();

/** Agents by tone, in the order of TONES. */
export const tally = signal([0, 0, 0, 0]);
const counted = [0, 0, 0, 0];
/** @param {number} tone @param {number} by */
const count = (tone, by) => {
  counted[tone] = (counted[tone] ?? 0) + by;
};
/** Steps when any agent has changed. */
export const changed = signal(0);
/** Steps when agents came or went, or changed tone or name: the order may be another. */
export let shape = 0;
/** Steps when any call has changed. */
export const callsChanged = signal(0);
/** Ids of queues and groups. */
export const queueIds = signal(/** @type {readonly string[]} */ ([]));
/** @type {Map<string, import('@preact/signals-core').Signal<QueueRow>>} */ export const queues = new Map();
/** @type {Map<string, CallRow>} */ export const calls = new Map();
/** Whether a snapshot is whole. */
export const whole = signal(false);

/** @param {number} least */
function grow(least) {
  if (least <= room) return;
  room = Math.max(64, room * 2, least);
  const copy = (/** @type {any} */ old, /** @type {any} */ next) => {
    next.set(old);
    return next;
  };
  tones = copy(tones, new Uint8Array(room));
  details = copy(details, new Uint8Array(room));
  flags = copy(flags, new Uint8Array(room));
  statuses = copy(statuses, new Uint8Array(room));
  nexts = copy(nexts, new Uint8Array(room));
  sinces = copy(sinces, new Float64Array(room));
  versions = copy(versions, new Uint32Array(room));
}

/** @param {string} queue */
function queueNumber(queue) {
  let at = queueAt.get(queue);
  if (at === undefined) {
    at = queueNames.push(queue) - 1;
    queueAt.set(queue, at);
  }
  return at;
}

/**
 * Presence 2 bits, detail 4, offerable 1, team 1, blocked_by 4: below a queue's number, all in a small
 * integer.
 * @param {string} queue
 * @param {import('../wire').PairRow} p
 */
const pack = (queue, p) =>
  (queueNumber(queue) << 12) |
  ((TONE_AT[p.presence] ?? 3) << 10) |
  ((DETAIL_AT[p.detail ?? ''] ?? 0) << 6) |
  (Number(p.offerable) << 5) |
  (Number(p.source === 'team') << 4) |
  (p.blocked_by === null ? 0 : (BLOCK_AT.get(p.blocked_by) ?? 0));

/** @param {number} n @returns {Pair} */
const unpack = (n) => ({
  queue: queueNames[n >> 12] ?? '',
  tone: (n >> 10) & 3,
  detail: (n >> 6) & 15,
  offerable: (n & 32) !== 0,
  team: (n & 16) !== 0,
  blocked: BLOCKS[n & 15] ?? '',
});

/** @param {AgentRow} row */
function writeAgent(row) {
  let i = slots.get(row.id);
  const tone = TONE_AT[row.presence] ?? 3,
    name = row.name ?? row.id;
  if (i === undefined) {
    i = free.pop() ?? ids.length;
    grow(i + 1);
    slots.set(row.id, i);
    ids[i] = row.id;
    shape++;
  } else {
    count(tones[i] ?? 3, -1);
    if (tones[i] !== tone || names[i] !== name) shape++;
  }
  count(tone, 1);
  names[i] = name;
  tones[i] = tone;
  details[i] = DETAIL_AT[row.detail ?? ''] ?? 0;
  flags[i] = Number(row.offerable);
  statuses[i] = STATUSES.indexOf(row.status);
  nexts[i] = row.next ? STATUSES.indexOf(row.next) + 1 : 0;
  reasons[i] = row.reason ?? '';
  forced[i] = row.forced_by ?? '';
  sinces[i] = instant(row.since);
  /** @type {any} */ (calls_)[i] = row.calls.length ? row.calls : NONE;
  const packed = [];
  for (const queue in row.queues) packed.push(pack(queue, /** @type {any} */ (row.queues[queue])));
  /** @type {any} */ (pairs_)[i] = packed;
  versions[i] = (versions[i] ?? 0) + 1;
}

/** @param {string} id */
function dropAgent(id) {
  const i = slots.get(id);
  if (i === undefined) return;
  count(tones[i] ?? 3, -1);
  slots.delete(id);
  ids[i] = '';
  names[i] = '';
  /** @type {any} */ (pairs_)[i] = NONE;
  /** @type {any} */ (calls_)[i] = NONE;
  free.push(i);
  shape++;
}

/** @param {QueueRow} row */
function writeQueue(row) {
  const had = queues.get(row.id);
  if (had) had.value = row;
  else {
    queues.set(row.id, signal(row));
    queueIds.value = [...queues.keys()].sort();
  }
}

function clear() {
  slots.clear();
  free.length = 0;
  ids.length = names.length = reasons.length = forced.length = 0;
  calls_ = [];
  pairs_ = [];
  counted.fill(0);
  queues.clear();
  calls.clear();
  shape++;
}

/** Forgets everything: somebody else may be the next to look. */
export function reset() {
  batch(() => {
    clear();
    whole.value = false;
    queueIds.value = [];
    tally.value = [...counted];
    changed.value++;
    callsChanged.value++;
  });
}

let parts = 0;
/** Applies frames in order; one step of each signal for all of them. @param {readonly any[]} frames */
export function apply(frames) {
  batch(() => {
    let agents = 0,
      callsSeen = 0;
    for (const frame of frames) {
      if (frame.type === 'snapshot') {
        if (frame.part === 1) {
          clear();
          parts = 0;
          whole.value = false;
          agents++;
          callsSeen++;
        }
        parts++;
      } else if (frame.type !== 'delta') continue;
      for (const row of frame.agents) writeAgent(row);
      for (const row of frame.queues) writeQueue(row);
      for (const row of frame.calls) calls.set(row.id, row);
      agents += frame.agents.length;
      callsSeen += frame.calls.length;
      if (frame.removed) {
        for (const id of frame.removed.agents) {
          dropAgent(id);
          agents++;
        }
        for (const id of frame.removed.calls) {
          calls.delete(id);
          callsSeen++;
        }
        for (const id of frame.removed.queues)
          if (queues.delete(id)) queueIds.value = [...queues.keys()].sort();
      }
      if (frame.type === 'snapshot' && parts === frame.parts) {
        queueIds.value = [...queues.keys()].sort();
        whole.value = true;
      }
    }
    if (agents) {
      changed.value++;
      if (tally.peek().some((n, i) => n !== counted[i])) tally.value = [...counted];
    }
    if (callsSeen) callsChanged.value++;
  });
}

/** @param {string} id @returns {number} -1 where there is none */
export const slotOf = (id) => slots.get(id) ?? -1;
export const size = () => ids.length;
/** Everything of one agent, as of now. @param {number} i */
export const agent = (i) => ({
  id: ids[i] ?? '',
  name: names[i] ?? '',
  tone: tones[i] ?? 3,
  detail: details[i] ?? 0,
  offerable: flags[i] === 1,
  status: STATUSES[statuses[i] ?? 0] ?? 'offline',
  next: STATUSES[(nexts[i] ?? 0) - 1] ?? '',
  reason: reasons[i] ?? '',
  forced: forced[i] ?? '',
  since: sinces[i] ?? 0,
  calls: calls_[i] ?? NONE,
  pairs: (pairs_[i] ?? NONE).map(unpack),
});
/** @param {number} i */ export const idAt = (i) => ids[i] ?? '';
/** @param {number} i */ export const nameAt = (i) => names[i] ?? '';
/** @param {number} i */ export const toneOf = (i) => tones[i] ?? 3;
/** @param {number} i */ export const detailOf = (i) => details[i] ?? 0;
/** @param {number} i */ export const sinceOf = (i) => sinces[i] ?? 0;
/** @param {number} i */ export const versionOf = (i) => versions[i] ?? 0;
/** The agent in one queue, or null. @param {number} i @param {string} queue */
export function pairOf(i, queue) {
  const at = queueAt.get(queue);
  const found = at === undefined ? undefined : pairs_[i]?.find((n) => n >> 12 === at);
  return found === undefined ? null : unpack(found);
}
/** Ids of the agents who have the queue. @param {string} queue @returns {number[]} */
export function staffOf(queue) {
  const at = queueAt.get(queue),
    found = [];
  if (at === undefined) return [];
  for (let i = 0; i < ids.length; i++) if (ids[i] && pairs_[i]?.some((n) => n >> 12 === at)) found.push(i);
  return found;
}
/** Pairs by tone, for the marks of a row. @param {number} i @returns {readonly number[]} */
export function pairTones(i) {
  const n = [0, 0, 0, 0];
  for (const p of pairs_[i] ?? NONE) {
    const t = (p >> 10) & 3;
    n[t] = (n[t] ?? 0) + 1;
  }
  return n;
}
/** The queue that the agent works in now, or ''. @param {number} i */
export function worksIn(i) {
  const first = DETAIL_AT['ringing'] ?? 0,
    last = DETAIL_AT['wrap_up'] ?? 0;
  for (const p of pairs_[i] ?? NONE) {
    const d = (p >> 6) & 15;
    if (d >= first && d <= last) return queueNames[p >> 12] ?? '';
  }
  return '';
}
/** Waiting calls of a queue, in the order in which they are served. @param {string} queue */
export const waitingIn = (queue) =>
  [...calls.values()]
    .filter((c) => c.queue === queue && c.state !== 'connected')
    .sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
