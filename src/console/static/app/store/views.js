// @ts-check
// Saved views: addresses by name, kept by the server for a person, and in the browser for who came in by a
// key. A view is its address: it can be sent to anybody, and says everything that it shows.
import { signal } from '@preact/signals';
import { api, me } from '../session.js';
import { views as local, zoneChoice } from './prefs.js';
import { go, route } from '../route.js';

/** @typedef {import('../wire').View} View */

/** Own ones by name, then those that others share. */
export const list = signal(/** @type {readonly View[]} */ ([]));

/** @param {string} id */
const at = (id) => `/users/${me.peek()?.user}/views/${id}`;
const hasServer = () => !!me.peek()?.user;

/** @param {string} name @param {string} path @returns {View} */
const inBrowser = (name, path) => ({
  id: name,
  name,
  path: path.startsWith('/') ? path : `/live${path}`,
  zone: null,
  shared: 'nobody',
  user: '',
  user_name: null,
  own: true,
  version: 0,
});

export async function read() {
  list.value = hasServer()
    ? await api('GET', '/views').then(
        (told) => told.items,
        () => list.peek(),
      )
    : Object.entries(local.peek()).map(([name, path]) => inBrowser(name, path));
}

/** An id from a name, that no other of one's views has. @param {string} name */
function idOf(name) {
  const plain = name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50);
  const taken = new Set(list.peek().flatMap((v) => (v.own ? [v.id] : [])));
  let id = plain || 'view';
  for (let n = 2; taken.has(id); n++) id = `${plain || 'view'}-${n}`;
  return id;
}

/** The present page, as an address. An open drawer is not part of a view. */
export function here() {
  const query = new URLSearchParams(location.search);
  query.delete('agent');
  const text = query.toString();
  return `${location.pathname === '/' ? '/live' : location.pathname}${text ? `?${text}` : ''}`;
}

/**
 * Keeps the present page under a name; one's own view of that name is replaced.
 * @param {string} name @param {{ shared: View['shared'], withZone: boolean }} how
 */
export async function save(name, { shared, withZone }) {
  if (!hasServer()) local.value = { ...local.peek(), [name]: here() };
  else {
    const had = list.peek().find((v) => v.own && v.name === name);
    const body = { name, path: here(), zone: withZone ? zoneChoice.peek() : null, shared };
    await api('PUT', at(had?.id ?? idOf(name)), body);
  }
  await read();
}

/** Changes what was read; 412 if somebody was faster. @param {View} view @param {Partial<View>} change */
export async function change(view, change) {
  if (hasServer()) {
    await api('PUT', at(view.id), { ...view, ...change }, { 'if-match': `"${view.version}"` });
  } else {
    const { [view.name]: path, ...rest } = local.peek();
    local.value = { ...rest, [change.name ?? view.name]: path ?? view.path };
  }
  await read();
}

/** @param {View} view */
export async function remove(view) {
  if (hasServer()) await api('DELETE', at(view.id));
  else {
    const { [view.name]: _gone, ...rest } = local.peek();
    local.value = rest;
  }
  await read();
}

/** @param {{ path: string, zone?: string | null }} view */
export function show(view) {
  if (view.zone !== null && view.zone !== undefined) zoneChoice.value = view.zone;
  go(view.path);
  shown.value = { at: route.peek() };
}
/** Steps when a view was opened: a page that is shown already takes its address anew. */
export const shown = signal(/** @type {{ at: unknown } | null} */ (null));

export function start() {
  read();
}
export function stop() {
  list.value = [];
}
