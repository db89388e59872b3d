// A real server, a switch and people for it, and a real browser.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const BINARY = process.env.CALLBOARD_BIN ?? fileURLToPath(new URL('../../../target/debug/callboard', import.meta.url));
const CHROMIUM = process.env.CALLBOARD_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
export const PASSWORD = 'correct horse battery';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
/** Waits until it holds, and says what it was when it never did. */
export async function until(what, holds, ms = 10_000) {
  const began = Date.now();
  let last;
  while (Date.now() - began < ms) {
    last = await holds();
    if (last) return last;
    await sleep(25);
  }
  assert.fail(`not within ${ms} ms: ${what} (last: ${JSON.stringify(last)})`);
}

/** A server on a folder of its own; it ends with the test. */
export class Server {
  static async start(data) {
    const own = new Server();
    own.temporary = !data;
    own.data = data ?? (await mkdtemp(join(tmpdir(), 'callboard-console-')));
    await own.run('127.0.0.1:0');
    return own;
  }

  async run(listen) {
    await rm(join(this.data, 'listen.addr'), { force: true });
    this.said = '';
    this.child = spawn(BINARY, ['serve', '--data', this.data, '--listen', listen, '--until-stdin-ends', '--requests-per-second', '100000'], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdout.on('data', (text) => { this.said += text; });
    this.child.stderr.on('data', (text) => { this.said += text; });
    const address = await until('the server listens', async () => {
      if (this.child.exitCode !== null) assert.fail(`the server ended: ${this.said}`);
      return existsSync(join(this.data, 'listen.addr')) && (await readFile(join(this.data, 'listen.addr'), 'utf8')).trim();
    }, 30_000);
    this.address = address;
    this.url = `http://${address}`;
    this.key = (await readFile(join(this.data, 'owner.key'), 'utf8')).trim();
    await until('it is ready', async () => (await fetch(`${this.url}/readyz`).catch(() => null))?.ok, 30_000);
  }

  /** The one-time link that the start leaves for the owner. */
  async link() { return (await readFile(join(this.data, 'welcome.link'), 'utf8')).trim(); }

  async halt() {
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.stdin.end();
    await ended;
  }
  /** Again, on the same folder and port. */
  async again() { await this.run(this.address); }

  async stop() {
    if (this.child.exitCode === null) await this.halt();
    if (this.temporary) await rm(this.data, { recursive: true, force: true });
  }

  async ask(method, path, body, key = this.key) {
    const answer = await fetch(`${this.url}${path}`, { method, headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text(), said = text ? JSON.parse(text) : null;
    if (!answer.ok) throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${text}`), { status: answer.status, said });
    return said;
  }
  api(method, path, body) { return this.ask(method, `/v1/accounts/default${path}`, body); }

  /** A person who can sign in. */
  async person(id, first, last, role, more = {}) {
    await this.api('PUT', `/users/${id}`, { first_name: first, last_name: last, email: `${first}.${last}@example.com`.toLowerCase(), role, ...more });
    await this.api('PUT', `/users/${id}/password`, { password: PASSWORD, confirm: PASSWORD });
  }
  /** Agents with a phone, members of the queues. */
  async agents(n, queues, more = {}) {
    const ids = [];
    for (let i = 0; i < n; i++) {
      const id = `usr_agent_${String(i).padStart(3, '0')}`;
      await this.api('PUT', `/users/${id}`, { first_name: `Agent`, last_name: `${String(i).padStart(3, '0')}`, role: 'agent', endpoint: `sip:${id}@127.0.0.1`, ...more });
      for (const queue of queues) await this.api('PUT', `/queues/${queue}/members/${id}`, {});
      ids.push(id);
    }
    return ids;
  }
  status(user, status, more = {}) { return this.api('PUT', `/agents/${user}/status`, { status, ...more }); }
  agent(user) { return this.api('GET', `/agents/${user}`); }
}

let callers = 0;
/** A switch that only says what it is told to. */
export class Switch {
  static async make(server, id = 'edge') {
    await server.api('PUT', `/switches/${id}`, { name: 'Edge', capabilities: { answers_for_agent: true, hold: true, transfer: true } });
    return Object.assign(new Switch(), { server, id });
  }
  async call(queue, from = '+447700903391', data = {}) {
    const call = { name: `call-${++callers}`, seq: 0, switch: this };
    const told = await this.say(call, 'call.arrived', { from, queue, ...data });
    call.id = told.results[0].call_id;
    return call;
  }
  say(call, type, data = {}) {
    call.seq++;
    return this.server.api('POST', '/events', { specversion: '1.0', id: `${call.name}-${call.seq}`, source: this.id, subject: call.name, sequence: String(call.seq), type, data });
  }
  /** Answers what rings for it. */
  async answer(call) {
    const offer = await until('it rings', async () => (await this.server.api('GET', `/calls/${call.id}`)).offers.find((o) => !o.closed_at));
    await this.say(call, 'offer.ringing', { offer: offer.id });
    await this.say(call, 'offer.answered', { offer: offer.id });
    return offer.agent;
  }
}

/** @type {import('playwright-core').Browser | undefined} */ let browser;
export async function launch() {
  assert.ok(CHROMIUM, 'Chromium is not installed');
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--enable-precise-memory-info', '--js-flags=--expose-gc', '--autoplay-policy=no-user-gesture-required'] });
  return browser;
}
export async function quit() { await browser?.close(); browser = undefined; }

/** What a page must never say. Answers that tell of a race (a call that has just gone) are not the page's fault. */
const RACES = /the server responded with a status of (404|409)/;
/** A page of a person; whatever goes wrong on it fails the test at `page.check()`. */
export async function open(server, path, { by = 'key', email = '', theme = 'light', width = 1600, height = 1000, bypassCSP = false, more = {} } = {}) {
  const context = await (await launch()).newContext({ viewport: { width, height }, bypassCSP, reducedMotion: 'reduce' });
  const page = await context.newPage(), wrong = [];
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !RACES.test(m.text())) wrong.push(`${m.type()}: ${m.text()} ${m.location().url}`); });
  page.on('pageerror', (e) => wrong.push(`error: ${e.stack}`));
  await page.addInitScript(([secret, set]) => {
    if (secret) sessionStorage.setItem('callboard.key', secret);
    for (const [name, value] of Object.entries(set)) if (localStorage.getItem(`callboard.${name}`) === null) localStorage.setItem(`callboard.${name}`, JSON.stringify(value));
    document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  }, [by === 'key' ? server.key : '', { theme, ...more }]);
  page.wrong = wrong;
  page.check = () => assert.deepEqual(wrong, [], 'the page said something wrong');
  page.allow = (pattern) => { for (let i = wrong.length; i--;) if (pattern.test(wrong[i])) wrong.splice(i, 1); };
  await page.goto(`${server.url}${by === 'person' ? '/' : path}`);
  if (by === 'person') {
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('navigation', { name: 'Main' }).waitFor();
    if (path !== '/') await page.goto(`${server.url}${path}`);
  }
  return page;
}
export const live = (page) => page.locator('.fresh.live').waitFor();
/** The row of an agent in the grid. */
export const row = (page, id) => page.locator(`#agent-${id}`);

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
let axe = '';
/** What axe finds wrong with the page as it is: nothing. */
export async function look(page, name) {
  axe ||= await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await sleep(400);
  await page.evaluate(axe);
  const found = await page.evaluate((only) => globalThis.axe.run(document, { runOnly: only }), RULES);
  const told = found.violations.map((v) => `${v.impact} ${v.id} ×${v.nodes.length}: ${v.nodes[0].html.slice(0, 160)} ${(v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? v.nodes[0].none[0])?.message ?? ''}`);
  assert.deepEqual(told, [], name);
}
