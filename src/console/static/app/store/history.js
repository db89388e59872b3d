// @ts-check
// Calls per minute, from the day's counts of the queues on the live feed: what was added in each
// minute since the console was opened. It survives a reload of the page.
import { signal } from '@preact/signals-core';
import * as board from './board.js';
import { ofAll } from './figures.js';

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

/** What the counts add up to now. @param {number} nowS @param {string} scope whose counts these are */
export function note(nowS, scope) {
  if (!board.whole.peek()) return;
  const minute = nowS - (nowS % 60),
    now = totals();
  if (!base) {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
    if (kept?.scope === scope && kept.points.length && minute - kept.points.at(-1)[0] < KEEP * 60) {
      points.value = kept.points;
      base = kept.base;
    }
  }
  // A count that fell is another day's.
  if (!base || now.offered < base.offered || minute < base.minute) base = { minute, ...now };
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
  points.value = [...rest, point].filter((p) => p[0] > minute - KEEP * 60);
  sessionStorage.setItem(KEPT, JSON.stringify({ scope, base, points: points.peek() }));
}
