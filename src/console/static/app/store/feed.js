// @ts-check
// The live board's subscription: order, gaps, resuming; frames are gathered and applied once a paint.
import { account, ask, leave, may, needsTicket } from '../session.js';
import { keepOpen } from '../live.js';
import * as alerts from './alerts.js';
import * as board from './board.js';
import * as clock from './clock.js';
import * as figures from './figures.js';

const wsUrl = (/** @type {string} */ path) =>
  `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
/** A ticket where there is no cookie. */
export const ticket = async () => (needsTicket() ? (await ask('POST', '/v1/tickets', {})).ticket : null);
export const socketUrl = (/** @type {string} */ path) =>
  wsUrl(`/v1/accounts/${encodeURIComponent(account.peek())}${path}`);

/** In a hidden page frames wait; past this many they are dropped, and asked for again on return. */
const MOST_WAITING = 300;

/** @type {{ epoch: string, seq: number } | null} */ let place = null;
let parts = 0;
/** @type {any[]} */ let waiting = [];
let asked = false,
  dropping = false;
/** @type {ReturnType<typeof keepOpen> | null} */ let open = null;
/** What the page measures of itself. */
export const meter = { frames: 0, changes: 0, gaps: 0, snapshots: 0, resumed: 0 };

function subscribe(/** @type {boolean} */ afresh) {
  if (afresh) place = null;
  return {
    subscribe: {
      queues: '*',
      agents: '*',
      calls: true,
      every_ms: 100,
      figures: figures.wishes(),
      alerts: may('watch'),
    },
    ...(place ? { resume: place } : {}),
  };
}

/** @param {any} frame */
function take(frame) {
  if (frame.type === 'snapshot') {
    meter.snapshots += Number(frame.part === 1);
    parts = frame.part === 1 ? 1 : parts + 1;
    if (parts === frame.parts) place = { epoch: frame.epoch, seq: frame.seq };
    dropping = false;
  } else if (frame.type === 'delta') {
    if (!place) return;
    if (frame.prev !== place.seq) {
      // Frames are missing: a snapshot is the honest way on.
      meter.gaps++;
      waiting = [];
      open?.send(subscribe(true));
      return;
    }
    place = { epoch: place.epoch, seq: frame.seq };
    meter.frames++;
    meter.changes += frame.agents.length;
  } else if (frame.type === 'figures') {
    figures.take(frame);
    return;
  } else if (frame.type !== 'tick') return;
  waiting.push(frame);
  if (document.hidden) {
    if (waiting.length > MOST_WAITING) {
      waiting = [];
      dropping = true;
    }
    return;
  }
  if (!asked) {
    asked = true;
    requestAnimationFrame(paint);
  }
}

function paint() {
  asked = false;
  const frames = waiting;
  waiting = [];
  const last = frames.at(-1);
  if (!last) return;
  clock.heard(Date.parse(last.at));
  const was = clock.link.peek();
  board.apply(frames);
  alerts.apply(frames);
  if (board.whole.peek()) {
    if (was === 'lost') {
      clock.caughtUpAt.value = Date.parse(last.at);
      setTimeout(() => {
        clock.caughtUpAt.value = 0;
      }, 4000);
    }
    clock.link.value = 'live';
  }
  clock.tick();
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  if (dropping) {
    dropping = false;
    open?.send(subscribe(true));
  } else if (waiting.length) paint();
});

/** @type {ReturnType<typeof setInterval> | undefined} */ let ticking;
/** Opens the feed, once. */
export function start() {
  if (open) return;
  open = keepOpen({
    url: socketUrl('/live'),
    protocol: 'callboard.live.v1',
    ticket,
    hello: () => {
      if (place) meter.resumed++;
      return subscribe(false);
    },
    onFrame: take,
    onLost() {
      waiting = [];
      if (clock.link.peek() !== 'lost') clock.lostAt.value = Date.now();
      // Before the first snapshot nothing is lost.
      clock.link.value = board.whole.peek() ? 'lost' : 'connecting';
    },
    onWrong: figures.narrow,
    onRefused: leave,
  });
  ticking ??= setInterval(() => {
    clock.tick();
    const age = clock.serverNow() - clock.asOf.peek();
    if (clock.link.peek() === 'live' && age > 3000 && !document.hidden) clock.link.value = 'late';
    else if (clock.link.peek() === 'late' && age <= 3000) clock.link.value = 'live';
  }, 1000);
}
/** Subscribes anew: the wishes are others. */
export const again = () => {
  waiting = [];
  open?.send(subscribe(true));
};
export const reconnect = () => open?.now();
export const nextTry = () => open?.nextTry() ?? 0;
export function stop() {
  open?.close();
  open = null;
  place = null;
  waiting = [];
  board.reset();
  alerts.reset();
  clock.link.value = 'connecting';
  clock.asOf.value = 0;
}
