// @ts-check
// What is configured, as far as pages show it: names of queues, teams, skills, extensions, reasons.
// Read when the console opens, again each minute, and after a change made here.
import { signal } from '@preact/signals-core';
import { all, api, may, me } from '../session.js';
import { plain } from '../fmt.js';

/**
 * @typedef {{ id: string, name: string, kind: 'queue' | 'group', media: string, dispositions: string[],
 *   wrapUpManual: boolean, usesStars: boolean }} QueueInfo
 * @typedef {{ id: string, name: string, extension: string, role: string, state: string, skills:
 *   Record<string, number | null>, mayOpt: boolean, dispositions: string[], supervise: boolean }} UserInfo
 */

export const queues = signal(/** @type {ReadonlyMap<string, QueueInfo>} */ (new Map()));
export const users = signal(/** @type {ReadonlyMap<string, UserInfo>} */ (new Map()));
export const teams = signal(
  /** @type {ReadonlyMap<string, { name: string, members: ReadonlySet<string> }>} */ (new Map()),
);
/** User → ids of teams. */
export const teamsOf = signal(/** @type {ReadonlyMap<string, readonly string[]>} */ (new Map()));
export const skills = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
export const breaks = signal(/** @type {readonly { id: string, name: string }[]} */ ([]));
export const dispositions = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
export const siteZone = signal('');
export const accountName = signal('');
/** Whether it was read at all. */
export const known = signal(false);

/** What the desk is told by name: agents may not read the configuration. */
const told = signal({
  queues: /** @type {Record<string, string>} */ ({}),
  users: /** @type {Record<string, string>} */ ({}),
});
/** @param {{ queues: Record<string, string>, users: Record<string, string> }} names */
export function learn({ queues: q, users: u }) {
  const had = told.peek();
  const isNew = (/** @type {'queues' | 'users'} */ of, /** @type {Record<string, string>} */ names) =>
    Object.entries(names).some(([id, name]) => had[of][id] !== name);
  if (isNew('queues', q) || isNew('users', u)) {
    told.value = { queues: { ...had.queues, ...q }, users: { ...had.users, ...u } };
  }
}

/** @param {string | null} id null: the line of direct calls */
export const queueName = (id) =>
  id === null
    ? 'Direct call'
    : (queues.value.get(id)?.name ?? told.value.queues[id] ?? plain(id.replaceAll('-', ' ')));
/** @param {string} id */
export const userName = (id) => users.value.get(id)?.name ?? told.value.users[id] ?? id;

/** What may not be read is empty; the pages then show ids. @param {string} path @returns {Promise<any[]>} */
const list = (path) => all(path).catch(() => []);

/** @param {any} q @param {'queue' | 'group'} kind @returns {QueueInfo} */
const info = (q, kind) => ({
  id: q.id,
  name: q.name,
  kind,
  media: q.media ?? 'voice',
  dispositions: q.dispositions ?? [],
  wrapUpManual: q.wrap_up?.manual === true,
  usesStars:
    q.competency === true ||
    q.strategy === 'skilled' ||
    (q.steps ?? []).some((/** @type {any} */ s) => s.stars_min),
});

export async function read() {
  // What one may not read is not asked for: agents see labels, and of people themselves.
  const reads = may('configuration.read'),
    works = reads || may('work'),
    own = me.peek()?.user;
  const when = (/** @type {boolean} */ asks, /** @type {string} */ path) => (asks ? list(path) : []);
  const [qs, gs, us, sk, br, di, ac] = await Promise.all([
    when(reads, '/queues'),
    when(reads, '/groups'),
    reads
      ? list('/users')
      : own
        ? api('GET', `/users/${own}/profile`).then(
            (p) => [p.user],
            () => [],
          )
        : [],
    when(reads, '/skills'),
    when(works, '/break_reasons'),
    when(works, '/dispositions'),
    reads ? api('GET', '').catch(() => null) : null,
  ]);
  queues.value = new Map(
    [...qs.map((q) => info(q, 'queue')), ...gs.map((g) => info(g, 'group'))].map((q) => [q.id, q]),
  );
  users.value = new Map(
    us.map((u) => [
      u.id,
      {
        id: u.id,
        name: [u.first_name, u.last_name].filter(Boolean).join(' ') || u.id,
        extension: u.extension ?? '',
        role: u.role,
        state: u.state,
        skills: u.skills ?? {},
        mayOpt: u.may_opt !== false,
        dispositions: u.dispositions ?? [],
        supervise: false,
      },
    ]),
  );
  skills.value = new Map(sk.map((s) => [s.id, s.name]));
  breaks.value = br.map((b) => ({ id: b.id, name: b.name }));
  dispositions.value = new Map(di.map((d) => [d.id, d.name]));
  siteZone.value = ac?.time_zone ?? '';
  accountName.value = ac?.name ?? '';
  known.value = true;
  if (reads) await readTeams();
}

async function readTeams() {
  const found = await list('/teams');
  const of = new Map(),
    by = new Map();
  await Promise.all(
    found.map(async (t) => {
      const members = (await list(`/teams/${t.id}/members`)).map((m) => m.id);
      of.set(t.id, { name: t.name, members: new Set(members) });
      for (const user of members) by.set(user, [...(by.get(user) ?? []), t.id]);
    }),
  );
  teams.value = new Map([...of].sort((a, b) => (a[1].name < b[1].name ? -1 : 1)));
  teamsOf.value = by;
}

/** @type {ReturnType<typeof setInterval> | undefined} */ let timer;
export function start() {
  if (timer) return;
  timer = setInterval(() => {
    if (!document.hidden) read();
  }, 60_000);
  return read();
}
export function stop() {
  clearInterval(timer);
  timer = undefined;
  known.value = false;
  told.value = { queues: {}, users: {} };
}
