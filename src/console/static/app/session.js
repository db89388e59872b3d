// @ts-check
// Who is signed in, and every question to the server. A browser's session is a cookie that no script
// can read; a key, for who has one, lives as long as the tab.
import { computed, signal } from '@preact/signals';

/** @typedef {import('./wire').Me} Me */
/** @typedef {import('./wire').Problem} Problem */

export const me = signal(/** @type {Me | null} */ (null));
/** asking: not known yet whether somebody is signed in. */
export const phase = signal(/** @type {'asking' | 'out' | 'in'} */ ('asking'));
/** Why somebody who was in is out. */
export const saidOut = signal('');
/** Permission → roles that have it. */
const permissions = signal(/** @type {Map<string, ReadonlySet<string>>} */ (new Map()));

const CSRF = 'callboard.csrf',
  KEY = 'callboard.key',
  ACCOUNT = 'callboard.account';
let key = sessionStorage.getItem(KEY) ?? '';
let csrf = localStorage.getItem(CSRF) ?? '';

export const account = computed(() => me.value?.account ?? 'default');
/** Whether WebSockets need a ticket: a cookie goes with them by itself. */
export const needsTicket = () => key !== '';

/** What the server refused, in its own words. */
export class Refused extends Error {
  /** @param {number} status @param {Partial<Problem>} problem */
  constructor(status, problem) {
    const fields = (problem.errors ?? []).map((e) => `${e.pointer.replace(/^\//, '')}: ${e.detail}`);
    super(fields.join('; ') || problem.detail || `the server answered ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

/**
 * Asks the server; the path begins with /v1.
 * @param {string} method @param {string} path @param {unknown} [body] @param {Record<string, string>} [more]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, more) {
  /** @type {Record<string, string>} */ const headers = { ...more };
  if (key) headers['authorization'] = `Bearer ${key}`;
  else if (method !== 'GET' && csrf) headers['x-callboard-csrf'] = csrf;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Refused(0, { detail: 'The server cannot be reached.' });
  }
  const text = await answer.text();
  const said = text ? JSON.parse(text) : null;
  if (answer.ok) return said;
  if (answer.status === 401 && phase.peek() === 'in') leave('Your session has ended. Sign in again.');
  throw new Refused(answer.status, said ?? {});
}

/**
 * Within the account.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, string>} [more]
 * @returns {Promise<any>}
 */
export const api = (method, path, body, more) =>
  ask(method, `/v1/accounts/${encodeURIComponent(account.peek())}${path}`, body, more);

/** All pages of a list. @param {string} path @param {number} [limit] @returns {Promise<any[]>} */
export async function all(path, limit = 1000) {
  const items = [];
  let cursor = '';
  do {
    const mark = path.includes('?') ? '&' : '?';
    const page = await api(
      'GET',
      `${path}${mark}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    items.push(...page.items);
    cursor = page.next ?? '';
  } while (cursor);
  return items;
}

/** Whether somebody is signed in already: by the cookie, or by this tab's key. */
export async function resume() {
  // Without a trace of a session the answer is known, and needs no question.
  if (!key && !csrf) {
    phase.value = 'out';
    return;
  }
  try {
    await enter(localStorage.getItem(ACCOUNT) ?? '');
  } catch (error) {
    phase.value = 'out';
    if (error instanceof Refused && error.status !== 401 && error.status !== 0) saidOut.value = error.message;
    if (error instanceof Refused && error.status === 0) saidOut.value = error.message;
  }
}

/** @param {string} wanted an account, or '' for the one at home */
async function enter(wanted) {
  let who = await ask('GET', '/v1/me');
  if (wanted && wanted !== who.account && who.accounts.some((/** @type {any} */ a) => a.account === wanted)) {
    who = await ask('GET', `/v1/me?account=${encodeURIComponent(wanted)}`);
  }
  me.value = who;
  // Who may not read them sees what the server lets them.
  const told = await api('GET', '/permissions').catch(() => ({ items: [] }));
  permissions.value = new Map(told.items.map((/** @type {any} */ p) => [p.id, new Set(p.roles)]));
  saidOut.value = '';
  phase.value = 'in';
}

/** @param {{ email: string, password: string, account: string }} by */
export async function signIn({ email, password, account: into }) {
  key = '';
  sessionStorage.removeItem(KEY);
  const opened = await ask('POST', '/v1/sessions', {
    email,
    password,
    cookie: true,
    ...(into ? { account: into } : {}),
  });
  csrf = opened.csrf;
  localStorage.setItem(CSRF, csrf);
  localStorage.setItem(ACCOUNT, opened.account);
  await enter(opened.account);
}

/** @param {string} secret */
export async function signInByKey(secret) {
  key = secret;
  try {
    await enter('');
  } catch (error) {
    key = '';
    throw error;
  }
  sessionStorage.setItem(KEY, key);
}

/** @param {string} id */
export async function switchAccount(id) {
  localStorage.setItem(ACCOUNT, id);
  location.assign('/');
}

/** Ends this session, or all of the user's. @param {boolean} everywhere */
export async function signOut(everywhere) {
  const session = me.peek()?.session;
  if (session) await ask('DELETE', everywhere ? '/v1/sessions' : `/v1/sessions/${session}`).catch(() => {});
  leave('');
}

/** @param {string} why */
export function leave(why) {
  key = csrf = '';
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(CSRF);
  localStorage.removeItem(ACCOUNT);
  saidOut.value = why;
  me.value = null;
  phase.value = 'out';
}

/**
 * Whether one's role has a permission. The server decides again; this only hides what it would refuse.
 * @param {string} permission
 */
export function may(permission) {
  const role = me.value?.role ?? '';
  const roles = permissions.value.get(permission);
  return roles ? roles.has(role) || role === 'custom' : role === 'owner';
}
