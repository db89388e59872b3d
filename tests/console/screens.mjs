// Makes the pictures of docs/screens from the demo's floor: npm run screens (a browser, a built binary).
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PASSWORD, launch, live, open, quit, sleep, until } from './e2e/help.mjs';

const BINARY = process.env.CALLBOARD_BIN ?? fileURLToPath(new URL('../../target/debug/callboard', import.meta.url));
const into = fileURLToPath(new URL('../../docs/screens/', import.meta.url));
const data = await mkdtemp(join(tmpdir(), 'callboard-screens-'));
await mkdir(into, { recursive: true });
const demo = spawn(BINARY, ['demo', '--data', data, '--agents', '90', '--calls-per-minute', '200', '--seed', '7'], { stdio: ['ignore', 'pipe', 'inherit'] });
let said = '';
demo.stdout.on('data', (text) => { said += text; });
const url = await until('the demo', () => /Callboard demo at (http:\/\/[0-9.:]+)/.exec(said)?.[1], 30_000);
const key = (await readFile(join(data, 'owner.key'), 'utf8')).trim(), server = { url, key };
const api = (method, path, body) => fetch(`${url}/v1/accounts/default${path}`, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body ? { body: JSON.stringify(body) } : {}) }).then((a) => a.json().catch(() => null));
try {
  for (const [id, name] of [['north', 'North'], ['south', 'South'], ['evening', 'Evening']]) await api('PUT', `/teams/${id}`, { name });
  const users = await until('the floor is there', async () => { const found = (await api('GET', '/users?limit=1000'))?.items; return found?.filter((u) => u.role === 'agent').length >= 90 && found; }, 120_000);
  for (const [i, user] of users.filter((u) => u.role === 'agent').entries()) await api('PUT', `/teams/${['north', 'south', 'evening'][i % 3]}/members/${user.id}`, {});
  await api('PUT', '/alert_rules/wait', { name: 'Longest wait', figure: 'longest_wait_now_ms', by: 'queue', watch: 6000, act: 12_000, for_s: 0 });
  await api('PUT', '/alert_rules/level', { name: 'Service level', figure: 'service_level', by: 'queue', window: '15m', side: 'below', watch: 0.9, act: 0.8, for_s: 5 });
  await launch();
  const first = await open(server, '/live', { width: 1600, height: 1000 });
  await live(first);
  // The trend needs some minutes to be one.
  await sleep(Number(process.env.SCREENS_AFTER_S ?? 240) * 1000);
  const shot = async (page, name) => { await page.mouse.move(2, 2); await sleep(900); await page.screenshot({ path: join(into, `${name}.png`) }); };
  await shot(first, 'live');
  await first.getByRole('button', { name: 'Dark theme' }).click();
  await first.locator('.agents .row .c-name').nth(8).click();
  await shot(first, 'live-dark');
  for (const [name, path] of [['queue', '/live/queue/support'], ['staff', '/staff'], ['wall', '/wall']]) {
    const page = await open(server, path, { width: 1600, height: 1000, theme: name === 'wall' ? 'dark' : 'light' });
    await sleep(6500);
    await shot(page, name);
    if (name === 'queue') {
      const call = await page.evaluate(async () => [...(await import(document.querySelector('script[type=module]').src.replace('main.js', 'store/board.js'))).calls.values()].find((c) => c.state === 'connected')?.id);
      await sleep(15_000);
      await page.goto(`${url}/calls/${call}`);
      await page.locator('.line').waitFor();
      await shot(page, 'story');
    }
    await page.context().close();
  }
  await api('PUT', '/users/usr_you', { first_name: 'Robin', last_name: 'Hale', email: 'robin@example.com', role: 'agent' });
  await api('PUT', '/users/usr_you/password', { password: PASSWORD, confirm: PASSWORD });
  await api('PUT', '/queues/support/members/usr_you', { stars: 4 });
  const desk = await open(server, '/desk', { by: 'person', email: 'robin@example.com', width: 1280, height: 720 });
  await desk.getByRole('button', { name: 'Available' }).click();
  await desk.getByRole('region', { name: 'Incoming call' }).waitFor({ timeout: 60_000 });
  await shot(desk, 'desk');
} finally {
  await quit();
  demo.kill('SIGINT');
  await new Promise((done) => demo.once('exit', done));
  await rm(data, { recursive: true, force: true });
}
