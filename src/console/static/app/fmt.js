// @ts-check
// How numbers and instants are written. No DOM, no state but the chosen time zone.
import { signal } from '@preact/signals-core';

/** The zone in which times are shown; '' is the browser's own. */
export const zone = signal('');

/** 0:07, 16:02, 1:04:09. @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600),
    m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** A figure in ms, as a duration; no data is a dash. @param {number | null | undefined} ms */
export const ofMs = (ms) => (ms === null || ms === undefined ? '–' : duration(Math.round(ms / 1000)));

const counts = new Intl.NumberFormat('en-GB');
/** @param {number | null | undefined} n */
export const count = (n) => (n === null || n === undefined ? '–' : counts.format(n));

/** One decimal; 0 and 100 whole; no data is a dash. @param {number | null | undefined} share 0 to 1 */
export function percent(share) {
  if (share === null || share === undefined) return '–';
  const p = share * 100;
  return p === 0 || p === 100 ? `${p}%` : `${p.toFixed(1)}%`;
}

/** A target: as whole as it was set. @param {number} share */
export const goal = (share) => `${Math.round(share * 1000) / 10}%`;

/** @type {Map<string, Intl.DateTimeFormat>} */
const made = new Map();
/** @param {Intl.DateTimeFormatOptions} options */
function format(options) {
  const key = `${zone.value}${JSON.stringify(options)}`;
  let found = made.get(key);
  if (!found) {
    const at = zone.value ? { timeZone: zone.value } : {};
    found = new Intl.DateTimeFormat('en-GB', { hourCycle: 'h23', ...at, ...options });
    made.set(key, found);
  }
  return found;
}
/** 14:03:22 @param {number} ms */
export const time = (ms) => format({ hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(ms);
/** 14:03 @param {number} ms */
export const minute = (ms) => format({ hour: '2-digit', minute: '2-digit' }).format(ms);
/** 22 Nov 2026, 14:03:22 @param {number} ms */
export const dateTime = (ms) =>
  format({
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(ms);

/** The zone's name, for the one place on the page that says it. */
export const zoneName = () => zone.value || Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** A phone number with its middle hidden. @param {string | null} number */
export function masked(number) {
  if (!number) return 'withheld';
  return number.length < 8 ? number : `${number.slice(0, 3)}••••${number.slice(-4)}`;
}

/** Beatriz Ito → BI. @param {string | null} name */
export const initials = (name) =>
  (name ?? '?')
    .split(/\s+/)
    .filter(Boolean)
    .map((w) => w[0])
    .filter((_, i, all) => i === 0 || i === all.length - 1)
    .join('')
    .toUpperCase();

/** `wrap_up` → Wrap up; for words of the protocol that have no label of their own. @param {string} word */
export const plain = (word) => {
  const t = word.replaceAll('_', ' ');
  return t.charAt(0).toUpperCase() + t.slice(1);
};

/** 1 agent, 2 agents. @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
