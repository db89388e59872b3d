// @ts-check
// What time it is at the server, and how fresh what is shown is.
import { computed, signal } from '@preact/signals-core';

/** @typedef {'connecting' | 'live' | 'late' | 'lost'} Link */

/** Server time of the newest frame, ms. */
export const asOf = signal(0);
export const link = signal(/** @type {Link} */ ('connecting'));
/** When the link was lost, by this machine's clock, ms. */
export const lostAt = signal(0);
/** When data was whole again after a loss, server time; 0 when that is not news any more. */
export const caughtUpAt = signal(0);

/** Server time minus this machine's, ms. */
let skew = 0;
/** A frame came in @param {number} at server time, ms @param {number} [here] */
export function heard(at, here = Date.now()) {
  const next = at - here;
  // Frames are late by varying amounts and never early: the largest difference is nearest the truth.
  skew = next > skew || Math.abs(next - skew) > 5000 ? next : skew - Math.min(1, skew - next);
  asOf.value = at;
}

/** The server's time, ms. @param {number} [here] */
export const serverNow = (here = Date.now()) => here + skew;

/** Seconds since 1970 at the server: the one clock that every duration on the page reads. */
export const second = signal(Math.floor(Date.now() / 1000));
export const tick = () => {
  second.value = Math.floor(serverNow() / 1000);
};

/**
 * The instant durations run to, s. It stands still while the link is down: a stale number must not look
 * alive.
 */
export const nowSec = computed(() => (link.value === 'lost' ? Math.floor(asOf.value / 1000) : second.value));
