// @ts-check
// Figures worked out by the server: service level, ASA, AHT, occupancy, … `source` is the one place
// that says where they come from; everything else reads `figure`.
import { signal } from '@preact/signals-core';
import { account, all, api, may } from '../session.js';

/**
 * @typedef {'queue' | 'group' | 'agent' | 'account'} By
 * @typedef {'15m' | '60m' | '24h' | 'today'} Window
 * @typedef {Record<string, number | null>} Figures
 */

/** What is shown: by, window, and how often it is asked for where the floor is small and where it is large, ms. */
const SHOWN = /** @type {const} */ ([
  ['queue', '60m', 5000, 10_000], ['group', '60m', 5000, 10_000], ['account', '60m', 5000, 5000], ['account', '15m', 5000, 5000],
  ['account', 'today', 5000, 5000], ['agent', 'today', 5000, 60_000],
]);
/** From here on a floor is large, and its agents' figures are asked for once a minute. */
const LARGE = 200;

/** @type {Map<string, import('@preact/signals-core').Signal<ReadonlyMap<string, Figures>>>} */ const tables = new Map();
/** @param {By} by @param {Window} window */
export function table(by, window) {
  const key = `${by} ${window}`;
  let found = tables.get(key);
  if (!found) { found = signal(/** @type {ReadonlyMap<string, Figures>} */ (new Map())); tables.set(key, found); }
  return found;
}
/** One figure; undefined while it is not known. @param {By} by @param {Window} window @param {string} id @param {string} name */
export const figure = (by, window, id, name) => table(by, window).value.get(id)?.[name];
/** Of the whole account. @param {Window} window @param {string} name */
export const ofAll = (window, name) => figure('account', window, account.value, name);

/** Answers in how many seconds count as in time, and which share of them is wanted. */
export const target = signal({ seconds: 20, share: 0.8 });
/** The server's thresholds. */
export const THRESHOLDS = [15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600];

/** Formulas by figure. */
export const definitions = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));

/** New rows of one table. @param {By} by @param {Window} window @param {readonly { id: string, figures: Figures }[]} items @param {boolean} whole @param {readonly string[]} removed */
export function put(by, window, items, whole, removed = []) {
  const at = table(by, window);
  const next = new Map(whole ? [] : at.peek());
  for (const { id, figures } of items) next.set(id, figures);
  for (const id of removed) next.delete(id);
  at.value = next;
}

/** @type {Map<string, number>} */ const askedAt = new Map();
/** @type {Set<string>} */ const refused = new Set();
/** @param {readonly [By, Window, number, number]} row */
async function poll([by, window, often, seldom]) {
  const key = `${by} ${window}`, now = Date.now();
  const each = table(by, window).peek().size > LARGE ? seldom : often;
  if (now - (askedAt.get(key) ?? 0) < each) return;
  askedAt.set(key, now);
  // The whole account's are for who sees the whole floor; the first refusal is the last question.
  if ((by !== 'agent' && !may('watch')) || refused.has(by)) return;
  // Who may not see them has none: the page then leaves them out.
  const items = await all(`/figures?by=${by}&window=${window}&threshold_s=${target.peek().seconds}`).catch((error) => { if (error.status === 403) refused.add(by); return null; });
  if (items) put(by, window, items, true);
}

const rounds = () => { if (!document.hidden) SHOWN.forEach((row) => poll(row)); };
/** Asks again at once: the threshold is another. */
export function again() { askedAt.clear(); rounds(); }

/** @type {ReturnType<typeof setInterval> | undefined} */ let timer;
/** Where the figures come from: a question each 5 s. */
export const source = {
  start() {
    if (timer) return;
    timer = setInterval(rounds, 1000);
    rounds();
    api('GET', '/figures/definitions').then((told) => { definitions.value = new Map(told.items.map((/** @type {any} */ d) => [d.name, d.formula])); }).catch(() => {});
  },
  stop() { clearInterval(timer); timer = undefined; askedAt.clear(); refused.clear(); tables.forEach((t) => { t.value = new Map(); }); },
};
