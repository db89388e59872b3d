// @ts-check
// Alerts as the engine raises them; open ones, and for a quarter of an hour those that are over.
import { computed, signal } from '@preact/signals-core';
import { serverNow } from './clock.js';

/** @typedef {import('../wire').AlertRow} AlertRow */

const KEEP_MS = 15 * 60_000;
/** @type {Map<string, AlertRow>} */ const rows = new Map();
/** The worst and newest first; those that are over last. */
export const alerts = signal(/** @type {readonly AlertRow[]} */ ([]));
export const open = computed(() => alerts.value.filter((a) => !a.resolved_at));
/** How bad it is: 1 watch, 2 act now. @param {AlertRow} a */
export const levelOf = (a) => (a.severity === 'act' ? 2 : 1);
/** The worst open one of a subject. */
const bySubject = computed(() => {
  /** @type {Map<string, AlertRow>} */ const worst = new Map();
  for (const a of open.value) {
    const key = `${a.subject.by} ${a.subject.id}`,
      had = worst.get(key);
    if (!had || levelOf(a) > levelOf(had)) worst.set(key, a);
  }
  return worst;
});
/** @param {string} by @param {string} id */
export const worstOf = (by, id) => bySubject.value.get(`${by} ${id}`);

/**
 * Told once each, and again when it gets worse; not those that were there before.
 * @type {((alert: AlertRow) => void)[]}
 */
const hearers = [];
/** @param {(alert: AlertRow) => void} hear */
export const onAlert = (hear) => {
  hearers.push(hear);
};
/** @type {Set<string>} */ const told = new Set();
let known = false,
  parts = 0;

function settle() {
  const now = serverNow();
  for (const [id, a] of rows) if (a.resolved_at && now - Date.parse(a.resolved_at) > KEEP_MS) rows.delete(id);
  alerts.value = [...rows.values()].sort(
    (a, b) =>
      Number(!!a.resolved_at) - Number(!!b.resolved_at) ||
      (a.resolved_at ? 0 : levelOf(b) - levelOf(a)) ||
      ((a.resolved_at ?? a.raised_at) < (b.resolved_at ?? b.raised_at) ? 1 : -1),
  );
}

/** @param {readonly any[]} frames */
export function apply(frames) {
  let changed = false,
    whole = known;
  for (const frame of frames) {
    if (frame.type === 'snapshot' && frame.part === 1) {
      rows.clear();
      parts = 0;
      changed = true;
    }
    for (const row of frame.alerts ?? []) {
      rows.set(row.id, row);
      changed = true;
    }
    if (frame.type === 'snapshot' && ++parts === frame.parts) whole = true;
  }
  if (!changed) {
    known = whole;
    return;
  }
  settle();
  for (const a of open.peek()) {
    const key = `${a.id} ${a.severity}`;
    if (told.has(key)) continue;
    told.add(key);
    if (known) hearers.forEach((hear) => hear(a));
  }
  known = whole;
}

/** Lets go of what has been over for long. */
export const sweep = () => {
  if (alerts.peek().some((a) => a.resolved_at && serverNow() - Date.parse(a.resolved_at) > KEEP_MS)) settle();
};
export function reset() {
  rows.clear();
  told.clear();
  known = false;
  alerts.value = [];
}
