// @ts-check
// Calls per minute. Since the console was opened, from the day's counts of the queues on the live feed: what
// was added in each minute; it survives a reload of the page. Before that, from the server's history, which
// is told by five minutes: each minute is then their mean.
import { signal } from '@preact/signals-core';
import * as board from './board.js';
import { ofAll, seesAll, target } from './figures.js';
import { api, may } from '../session.js';

/**
 * @typedef {[minute: number, offered: number, answered: number, abandoned: number, level: number | null]}
 *   Point
 */

const KEEP = 60,
  KEPT = 'callboard.trend';
/** Oldest first, the last one under way. Minutes are seconds since 1970. */
export const points = signal(/** @type {readonly Point[]} */ ([]));

/** @type {{ minute: number, offered: number, answered: number, abandoned: number } | null} */ let base =
  null;

function totals() {
  let offered = 0,
    answered = 0,
    abandoned = 0;
  for (const row of board.queues.values()) {
    const t = row.peek().today;
    offered += t.offered;
    answered += t.answered;
    abandoned += t.abandoned;
  }
  return { offered, answered, abandoned };
}

/** The first minute counted here, s; those before come from the history. */
let since = 0;
/** Whose past was asked for, and what it told. */
let past = { scope: '', points: /** @type {readonly Point[]} */ ([]) };
/** The first minute that was counted here; before it the points are means. */
export const counted = signal(0);
const SPAN = 300;

/** Reads the hour before, once. @param {number} nowS @param {string} scope */
async function readPast(nowS, scope) {
  past = { scope, points: [] };
  const from = nowS - (nowS % SPAN) - KEEP * 60;
  const when = (/** @type {number} */ s) => encodeURIComponent(new Date(s * 1000).toISOString());
  // Who sees a part of the floor adds up what is seen of it, and has no service level of the whole.
  const by = seesAll() ? 'account' : 'queue';
  const told = await api(
    'GET',
    `/history?by=${by}&interval=5m&from=${when(from)}&to=${when(nowS - (nowS % 60) + 60)}` +
      `&threshold_s=${target.peek().seconds}&limit=1000`,
  ).catch(() => null);
  if (!told || past.scope !== scope) return;
  /** @type {Point[]} */ const found = [];
  /** @type {readonly { from: string }[]} */ const spans = told.items[0]?.intervals ?? [];
  spans.forEach((span, at) => {
    const sum = (/** @type {string} */ name) =>
      told.items.reduce(
        (/** @type {number} */ n, /** @type {any} */ item) => n + (item.intervals[at]?.figures[name] ?? 0),
        0,
      );
    const first = Date.parse(span.from) / 1000;
    const minutes = Math.max(1, Math.min(5, Math.ceil((nowS - first) / 60)));
    const mean = (/** @type {string} */ name) => sum(name) / minutes;
    const level = seesAll() ? (told.items[0].intervals[at].figures.service_level ?? null) : null;
    for (let i = 0; i < minutes; i++) {
      found.push([first + i * 60, mean('offered'), mean('answered'), mean('abandoned'), level]);
    }
  });
  past = { scope, points: found };
}

/** What the counts add up to now. @param {number} nowS @param {string} scope whose counts these are */
export function note(nowS, scope) {
  if (!board.whole.peek()) return;
  const minute = nowS - (nowS % 60),
    now = totals();
  if (past.scope !== scope && may('watch')) readPast(nowS, scope);
  if (!base) {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
    if (kept?.scope === scope && kept.points.length && minute - kept.points.at(-1)[0] < KEEP * 60) {
      points.value = kept.points;
      since = kept.points[0][0];
      base = kept.base;
    }
  }
  // A count that fell is another day's.
  if (!base || now.offered < base.offered || minute < base.minute) {
    base = { minute, ...now };
    since ||= minute;
  }
  if (minute > base.minute) base = { minute, ...now };
  /** @type {Point} */
  const point = [
    minute,
    now.offered - base.offered,
    now.answered - base.answered,
    now.abandoned - base.abandoned,
    ofAll('15m', 'service_level') ?? null,
  ];
  const had = points.peek(),
    rest = had.at(-1)?.[0] === minute ? had.slice(0, -1) : had;
  const own = [...rest.filter((p) => p[0] >= since), point].filter((p) => p[0] > minute - KEEP * 60);
  // The first minute was counted from its midst: the history's mean is nearer, if it is more.
  const [begun] = own;
  if (own.length > 1 && begun && past.points.some((p) => p[0] === begun[0] && p[1] > begun[1])) own.shift();
  const first = own[0]?.[0] ?? minute;
  counted.value = first;
  since = Math.max(since, first);
  points.value = [...past.points.filter((p) => p[0] < first && p[0] > minute - KEEP * 60), ...own];
  sessionStorage.setItem(KEPT, JSON.stringify({ scope, base, points: own }));
}
