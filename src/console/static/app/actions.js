// @ts-check
// What people do to agents, calls and memberships. Something counts as done when the engine's own
// event has come back on the board, not when the button was pressed.
import { signal } from '@preact/signals';
import { api, Refused } from './session.js';
import { announce, toast } from './ui/toast.js';
import { count, plural } from './fmt.js';
import * as board from './store/board.js';
import { SUPERVISING } from './store/words.js';
import { queueName as queueLabel, userName } from './store/directory.js';

/** Agents for whom something was asked and is not confirmed yet, with what. */
export const pending = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
/** @param {readonly string[]} ids @param {string} what '' when it is over */
function mark(ids, what) {
  const next = new Map(pending.peek());
  for (const id of ids)
    if (what) next.set(id, what);
    else next.delete(id);
  pending.value = next;
}

/** Waits until the board says so, 5 s at most. @param {() => boolean} holds */
function shown(holds) {
  return new Promise((done) => {
    const began = Date.now();
    const look = () => {
      if (holds()) return done(true);
      if (Date.now() - began > 5000) return done(false);
      setTimeout(look, 50);
    };
    look();
  });
}

/** @param {readonly { id: string, detail: string }[]} failed @param {number} all @param {string} verb */
function sayFailures(failed, all, verb) {
  if (!failed.length) return;
  const some = failed
    .slice(0, 3)
    .map((f) => `${userName(f.id)}: ${f.detail}`)
    .join('; ');
  toast(
    `${count(failed.length)} of ${plural(all, 'agent')} could not be ${verb}. ` +
      `${some}${failed.length > 3 ? ' …' : ''}`,
    { kind: 'failed' },
  );
}

const PAST = /** @type {Record<string, string>} */ ({
  ready: 'made available',
  online: 'made unavailable',
  on_break: 'sent on a break',
  offline: 'logged out',
});

/**
 * Forces a status. @param {readonly string[]} ids @param {string} status @param {{ reason?: string, when?:
 * string }} [how]
 * @returns {Promise<number>} for how many it was taken
 */
export async function force(ids, status, { reason, when = status === 'ready' ? '' : 'after_work' } = {}) {
  const verb = PAST[status] ?? status;
  mark(ids, verb);
  /** @type {{ id: string, detail: string }[]} */ const failed = [];
  try {
    for (let at = 0; at < ids.length; at += 1000) {
      const items = ids
        .slice(at, at + 1000)
        .map((user) => ({ user, status, ...(reason ? { reason } : {}), ...(when ? { when } : {}) }));
      const told = await api('POST', '/agents/bulk/status', { items });
      for (const r of told.results)
        if (r.status >= 300) failed.push({ id: r.id, detail: r.error?.detail ?? `${r.status}` });
    }
    const bad = new Set(failed.map((f) => f.id)),
      good = ids.filter((id) => !bad.has(id));
    const is = (/** @type {string} */ id) => {
      const a = board.agent(board.slotOf(id));
      return a.status === status || a.next === status;
    };
    const seen = await shown(() => good.every((id) => board.slotOf(id) < 0 || is(id)));
    const later = good.filter(
      (id) => board.slotOf(id) >= 0 && board.agent(board.slotOf(id)).next === status,
    ).length;
    const who = good.length === 1 ? userName(good[0] ?? '') : count(good.length);
    const after = !later
      ? ''
      : later === good.length
        ? ', after the present work'
        : `, ${count(later)} of them after their present work`;
    if (good.length)
      done(
        seen ? `${who} ${verb}${after}` : `${who}: the server has taken it; the board does not show it yet`,
      );
    sayFailures(failed, ids.length, verb);
    return good.length;
  } catch (error) {
    toast(`Nobody was ${verb}. ${/** @type {Error} */ (error).message}`, { kind: 'failed' });
    return 0;
  } finally {
    mark(ids, '');
  }
}

/** @param {string} text */
function done(text) {
  toast(text);
  announce(text);
}

/** Lets go of a forced status. @param {string} id */
export async function letGo(id) {
  try {
    await api('DELETE', `/agents/${id}/forced`);
    done(`${userName(id)} is free to choose again`);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: 'failed' });
  }
}

/** Runs some at a time. @template T @param {readonly T[]} all @param {(one: T) => Promise<void>} work */
async function each(all, work) {
  const left = [...all];
  const lane = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** Asks once more where the server asked for patience. @param {() => Promise<any>} work */
async function patient(work) {
  for (let turn = 0; ; turn++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 429 || turn > 5) throw error;
      await new Promise((go) => setTimeout(go, 300 * (turn + 1)));
    }
  }
}

/** Is it a queue or a group? @param {string} id */
export const family = (id) => (board.queues.get(id)?.peek().kind === 'group' ? 'groups' : 'queues');

/**
 * Opts in or out: of one queue, or of every one.
 * @param {readonly string[]} ids
 * @param {boolean} optedIn
 * @param {string} [queue]
 * @returns {Promise<number>}
 */
export async function opt(ids, optedIn, queue) {
  const verb = optedIn ? 'opted in' : 'opted out';
  mark(ids, verb);
  /** @type {Map<string, string>} */ const failed = new Map();
  const work = ids.flatMap((user) =>
    (queue ? [queue] : board.agent(board.slotOf(user)).pairs.map((p) => p.queue)).map((q) => ({ user, q })),
  );
  await each(work, async ({ user, q }) => {
    try {
      await patient(() => api('PUT', `/${family(q)}/${q}/members/${user}/opted_in`, { opted_in: optedIn }));
    } catch (error) {
      failed.set(user, /** @type {Error} */ (error).message);
    }
  });
  const good = ids.filter((id) => !failed.has(id));
  // On the board being opted out is a colour: it stands once nothing else is stronger.
  await shown(() =>
    good.every((id) => {
      const slot = board.slotOf(id);
      if (slot < 0) return true;
      const a = board.agent(slot),
        pairs = queue ? a.pairs.filter((p) => p.queue === queue) : a.pairs;
      return (
        a.status === 'offline' || pairs.every((p) => (optedIn ? p.blocked !== 'opted_out' : p.tone === 2))
      );
    }),
  );
  mark(ids, '');
  if (good.length) done(`${good.length === 1 ? userName(good[0] ?? '') : count(good.length)} ${verb}`);
  sayFailures(
    [...failed].map(([id, detail]) => ({ id, detail })),
    ids.length,
    verb,
  );
  return good.length;
}

/**
 * Adds to a queue, or changes stars there.
 * @param {readonly string[]} ids
 * @param {string} queue
 * @param {number} stars
 */
export async function putStars(ids, queue, stars) {
  /** @type {{ id: string, detail: string }[]} */ const failed = [];
  await each(ids, async (user) => {
    try {
      const had = board.pairOf(board.slotOf(user), queue)
        ? await api('GET', `/${family(queue)}/${queue}/members/${user}`).catch(() => null)
        : null;
      const place = had?.source === 'direct' && had.position !== undefined ? { position: had.position } : {};
      await patient(() => api('PUT', `/${family(queue)}/${queue}/members/${user}`, { ...place, stars }));
    } catch (error) {
      failed.push({ id: user, detail: /** @type {Error} */ (error).message });
    }
  });
  const good = ids.length - failed.length;
  if (good)
    done(
      `${good === 1 && ids.length === 1 ? userName(ids[0] ?? '') : plural(good, 'agent')}: ` +
        `${plural(stars, 'star')} in ${queueLabel(queue)}`,
    );
  sayFailures(failed, ids.length, 'changed');
  return failed.length === 0;
}

/** @param {string} user @param {string} queue */
export async function removeMember(user, queue) {
  try {
    await api('DELETE', `/${family(queue)}/${queue}/members/${user}`);
    await shown(() => board.slotOf(user) < 0 || board.pairOf(board.slotOf(user), queue) === null);
    done(`${userName(user)} no longer works for ${queueLabel(queue)}`);
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: 'failed' });
    return false;
  }
}

/** @param {readonly string[]} users @param {string} text */
export async function notify(users, text) {
  try {
    const told = await api('POST', '/agents/bulk/notify', { users, text });
    const failed = told.results.filter((/** @type {any} */ r) => r.status >= 300);
    const desks = told.results.filter((/** @type {any} */ r) => (r.desks ?? 0) > 0).length;
    const good = users.length - failed.length;
    if (good) done(`Message sent to ${plural(good, 'agent')}, ${count(desks)} at a desk now`);
    sayFailures(
      failed.map((/** @type {any} */ r) => ({ id: r.id, detail: r.error?.detail ?? '' })),
      users.length,
      'told',
    );
    return good > 0;
  } catch (error) {
    toast(`Nobody was told. ${/** @type {Error} */ (error).message}`, { kind: 'failed' });
    return false;
  }
}

/**
 * Puts oneself on a call, changes how one is there, or (without a mode) leaves it. What the supervisor hears
 * is the switch's doing: that it was told is all that is known here.
 * @param {string} call @param {string} mode @param {string} name the agent's @returns {Promise<boolean>}
 */
export async function supervise(call, mode, name) {
  try {
    if (mode) await api('POST', `/calls/${call}/supervise`, { mode });
    else await api('DELETE', `/calls/${call}/supervise`);
    done(
      mode
        ? `${SUPERVISING[mode]?.[0].replace('…', '')}: your phone rings for the call of ${name}`
        : `You have left the call of ${name}`,
    );
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: 'failed' });
    return false;
  }
}
