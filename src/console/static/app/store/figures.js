// @ts-check
// Figures worked out by the server: service level, ASA, AHT, occupancy, … `source` is the one place
// that says where they come from; everything else reads `figure`.
import { signal } from '@preact/signals-core';
import { account, api, may } from '../session.js';
import { count, ofMs, percent } from '../fmt.js';

/**
 * @typedef {'queue' | 'group' | 'agent' | 'account'} By
 * @typedef {'15m' | '60m' | '24h' | 'today'} Window
 * @typedef {Record<string, number | null>} Figures
 */

/** What of an agent's day the pages show. */
const OF_AGENTS = [
  'handled',
  'aht_ms',
  'acw_ms',
  'occupancy',
  'missed',
  'refused',
  'logged_in_ms',
  'time_break_ms',
  'talk_ms',
];
const OF_QUEUES = ['service_level', 'asa_ms', 'aht_ms'];
/**
 * The lists that are asked for, of who sees the floor.
 * @type {readonly (readonly [By, Window, readonly string[]])[]}
 */
const SHOWN = [
  ['queue', '60m', OF_QUEUES],
  ['group', '60m', OF_QUEUES],
  ['account', '60m', OF_QUEUES],
  ['account', '15m', ['service_level', 'occupancy']],
  ['account', 'today', ['offered', 'abandoned', 'abandon_rate']],
  ['agent', 'today', OF_AGENTS],
];

/** @type {Map<string, import('@preact/signals-core').Signal<ReadonlyMap<string, Figures>>>} */ const tables =
  new Map();
/** @param {By} by @param {Window} window */
export function table(by, window) {
  const key = `${by} ${window}`;
  let found = tables.get(key);
  if (!found) {
    found = signal(/** @type {ReadonlyMap<string, Figures>} */ (new Map()));
    tables.set(key, found);
  }
  return found;
}
/**
 * One figure; undefined while it is not known.
 * @param {By} by
 * @param {Window} window
 * @param {string} id
 * @param {string} name
 */
export const figure = (by, window, id, name) => table(by, window).value.get(id)?.[name];
/** Of the whole account. @param {Window} window @param {string} name */
export const ofAll = (window, name) => figure('account', window, account.value, name);

/** Answers in how many seconds count as in time, and which share of them is wanted. */
export const target = signal({ seconds: 20, share: 0.8 });
/** Usual thresholds; any whole second up to seven days is one. */
export const THRESHOLDS = [15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600];

/** By figure. */
export const definitions = signal(
  /** @type {ReadonlyMap<string, import('../wire').Definition>} */ (new Map()),
);
/** @param {string} name */
export const formula = (name) => definitions.value.get(name)?.formula;
/** A value as its figure is written. @param {string} name @param {number | null | undefined} value */
export function written(name, value) {
  const unit = definitions.value.get(name)?.unit;
  return unit === 'ms' ? ofMs(value) : unit === 'share' ? percent(value) : count(value);
}

/**
 * New rows of one table.
 * @param {By} by
 * @param {Window} window
 * @param {readonly { id: string, figures: Figures }[]} items
 * @param {boolean} whole
 * @param {readonly string[]} removed
 */
export function put(by, window, items, whole, removed = []) {
  const at = table(by, window);
  const next = new Map(whole ? [] : at.peek());
  for (const { id, figures } of items) next.set(id, figures);
  for (const id of removed) next.delete(id);
  at.value = next;
}

/** Who sees a part of the floor is not told the whole account's figures. */
let isNarrow = false;
/** The server has refused a wish: is there less to wish for? @param {string} why */
export function narrow(why) {
  if (isNarrow || !why.startsWith('figures')) return false;
  isNarrow = true;
  return true;
}
/** Whether the whole account's figures are told. */
export const seesAll = () => !isNarrow;
/** What the subscription wishes. */
export const wishes = () =>
  SHOWN.filter(([by]) => (may('watch') || by === 'agent') && !(isNarrow && by === 'account')).map(
    ([by, window, figures]) => ({
      by,
      window,
      threshold_s: target.peek().seconds,
      figures,
    }),
  );

/** A frame of the feed; the first part of a list that is told whole says so. @param {any} frame */
export const take = ({ by, window, whole, items, removed }) => put(by, window, items, whole, removed);

/** Where the figures come from: the live feed. */
export const source = {
  start() {
    if (definitions.peek().size) return;
    api('GET', '/figures/definitions')
      .then((told) => {
        definitions.value = new Map(told.items.map((/** @type {any} */ d) => [d.name, d]));
      })
      .catch(() => {});
  },
  stop() {
    isNarrow = false;
    tables.forEach((t) => {
      t.value = new Map();
    });
  },
};
