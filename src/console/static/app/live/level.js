// @ts-check
// How bad it is in a queue: 0 well, 1 watch, 2 act now; with the reason in words.
import { limits } from '../store/prefs.js';
import { table, written } from '../store/figures.js';
import { levelOf as alertLevel, worstOf } from '../store/alerts.js';
import { duration, goal, percent } from '../fmt.js';

/**
 * @param {import('../wire').QueueRow} q
 * @param {number} nowS
 * @returns {{ level: number, wait: number, waitLevel: number, share: number | null, shareLevel: number, why:
 *   string, alerted: boolean }}
 */
export function levelOf(q, nowS) {
  const { watchS, actS, share: least, seconds } = limits.value;
  const wait = q.oldest_at ? Math.max(0, nowS - Date.parse(q.oldest_at) / 1000) : 0;
  const waitLevel = wait >= actS ? 2 : wait >= watchS ? 1 : 0;
  const figures = table(q.kind, '60m').value.get(q.id),
    share = figures?.['service_level'] ?? null;
  const shareLevel = share === null || share >= least ? 0 : share >= least - 0.1 ? 1 : 2;
  const nobody = q.waiting > 0 && q.agents.available === 0;
  const alert = worstOf(q.kind, q.id),
    raised = alert ? alertLevel(alert) : 0;
  const level = nobody ? 2 : Math.max(raised, waitLevel, Math.min(shareLevel, 1 + Number(q.waiting > 0)));
  const why = nobody
    ? 'Callers wait and nobody is available'
    : alert && raised >= waitLevel
      ? `${alert.name}: ${written(alert.figure, alert.value)}`
      : waitLevel
        ? `Longest wait ${duration(wait)}, limit ${duration(waitLevel > 1 ? actS : watchS)}`
        : shareLevel && share !== null
          ? `Service level ${percent(share)}, target ${goal(least)} in ${seconds} s`
          : '';
  return {
    level,
    wait,
    waitLevel,
    share,
    shareLevel,
    why,
    alerted: raised > 0 && raised >= waitLevel && !nobody,
  };
}
