// @ts-check
// Which agents the grid shows and in what order, what is chosen among them, and which is open.
import { computed, signal } from '@preact/signals-core';
import * as board from './board.js';
import * as directory from './directory.js';
import { detailWord, toneAt } from './words.js';
import { table } from './figures.js';

export const search = signal('');
export const tones = signal(/** @type {ReadonlySet<string>} */ (new Set()));
export const team = signal('');
export const queue = signal('');
export const skill = signal('');
/** Columns that are not shown, by key. */
export const hidden = signal(/** @type {ReadonlySet<string>} */ (new Set()));
export const sort = signal({ key: 'status', dir: 1 });
/** Ids that are ticked. */
export const selected = signal(/** @type {ReadonlySet<string>} */ (new Set()));
/** Id of the row that the keyboard is on. */
export const active = signal('');
/** Slots, in order. */
export const order = signal(/** @type {Uint32Array} */ (new Uint32Array(0)));
/** Whether the pointer is among the rows, or a key was just pressed there: then they stand still. */
export const held = signal(false);
/** @type {ReturnType<typeof setTimeout> | undefined} */ let letGo;
/** @param {boolean} on @param {number} [forMs] holds for so long only */
export function hold(on, forMs) {
  if (forMs && held.peek() && letGo === undefined) return;
  clearTimeout(letGo);
  letGo = undefined;
  held.value = on;
  if (forMs)
    letGo = setTimeout(() => {
      letGo = undefined;
      held.value = false;
    }, forMs);
}
export const filtered = computed(
  () =>
    search.value !== '' ||
    tones.value.size > 0 ||
    team.value !== '' ||
    queue.value !== '' ||
    skill.value !== '',
);

export function clearFilters() {
  search.value = '';
  tones.value = new Set();
  team.value = queue.value = skill.value = '';
}

/** The most pressing first. @type {Record<string, number>} */
const RANK = {
  reconnecting: 0,
  device_lost: 1,
  ringing: 2,
  reserved: 3,
  holding: 4,
  talking: 5,
  wrap_up: 6,
  delay: 7,
  idle: 8,
  other_work: 9,
  break: 10,
  training: 11,
  blocked: 12,
};
/** @param {number} i */
const rank = (i) =>
  board.toneOf(i) === 3 && board.detailOf(i) === 0
    ? 20
    : (RANK[detailWord(board.detailOf(i))] ?? 13) + (board.toneOf(i) === 2 ? 0.5 : 0);

/** @param {string} name */
const byFigure = (name) => (/** @type {number} */ i) =>
  table('agent', 'today').peek().get(board.idAt(i))?.[name] ?? -1;
/** @type {Record<string, (i: number) => number | string>} */
const KEYS = {
  status: rank,
  name: (i) => board.nameAt(i).toLowerCase(),
  team: (i) => teamNames(board.idAt(i)).toLowerCase() || '￿',
  since: (i) => board.sinceOf(i),
  on: (i) => directory.queueName(board.worksIn(i)) || '￿',
  handled: byFigure('handled'),
  aht: byFigure('aht_ms'),
  occ: byFigure('occupancy'),
};
/** Largest first is what one wants of these. */
const DOWN = new Set(['handled', 'aht', 'occ']);

/** @param {string} user */
export const teamNames = (user) =>
  (directory.teamsOf.peek().get(user) ?? []).map((t) => directory.teams.peek().get(t)?.name ?? t).join(', ');

/** @param {number} i @param {string[]} words */
function matches(i, words) {
  const id = board.idAt(i),
    about = directory.users.peek().get(id);
  const hay = `${board.nameAt(i)} ${about?.extension ?? ''} ${teamNames(id)} ${id}`.toLowerCase();
  return words.every((w) => hay.includes(w));
}

/**
 * Settles who is shown and in what order. 5,000 take some milliseconds; it is done at most twice a second.
 */
export function arrange() {
  const words = search.peek().toLowerCase().split(/\s+/).filter(Boolean),
    want = tones.peek();
  const inTeam = team.peek(),
    members = inTeam ? directory.teams.peek().get(inTeam)?.members : null,
    inQueue = queue.peek(),
    withSkill = skill.peek();
  const found = [];
  for (let i = 0, n = board.size(); i < n; i++) {
    const id = board.idAt(i);
    if (!id) continue;
    if (members && !members.has(id)) continue;
    const pair = inQueue ? board.pairOf(i, inQueue) : null;
    if (inQueue && !pair) continue;
    // Within one queue the colour that counts is the one there.
    if (want.size && !want.has(toneAt(pair ? pair.tone : board.toneOf(i)))) continue;
    if (withSkill && !(withSkill in (directory.users.peek().get(id)?.skills ?? {}))) continue;
    if (words.length && !matches(i, words)) continue;
    found.push(i);
  }
  const { key, dir } = sort.peek(),
    read = KEYS[key] ?? rank,
    down = DOWN.has(key) ? -dir : dir;
  /** @type {(number | string)[]} */ const keys = [];
  for (const i of found) keys[i] = read(i);
  found.sort((a, b) => {
    const x = /** @type {any} */ (keys[a]),
      y = /** @type {any} */ (keys[b]);
    if (x !== y) return x < y ? -down : down;
    return board.sinceOf(a) - board.sinceOf(b) || (board.idAt(a) < board.idAt(b) ? -1 : 1);
  });
  const had = order.peek();
  if (had.length !== found.length || found.some((slot, at) => had[at] !== slot))
    order.value = Uint32Array.from(found);
}

let asked = '',
  seen = -1,
  at = 0;
/**
 * Arranges when something asks for it: at once after a change of the filter, else twice a second, and not
 * while held.
 */
export function keepOrder() {
  const now = Date.now(),
    ask = [
      search.value,
      [...tones.value].join(),
      team.value,
      queue.value,
      skill.value,
      sort.value.key,
      sort.value.dir,
      directory.known.value,
      directory.teams.value.size,
    ].join('|');
  const other = ask !== asked;
  if (!other && (board.changed.peek() === seen || now - at < 500)) return;
  // Whoever points at a row must not see it move; rows of those who are gone are left empty till then.
  if (!other && held.peek() && !(order.peek().length === 0)) return;
  asked = ask;
  seen = board.changed.peek();
  at = now;
  arrange();
  const there = [...selected.peek()].filter((id) => board.slotOf(id) >= 0);
  if (there.length !== selected.peek().size) selected.value = new Set(there);
}

/** @param {string} id */
export function toggle(id) {
  const next = new Set(selected.peek());
  if (!next.delete(id)) next.add(id);
  selected.value = next;
}
