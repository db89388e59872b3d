// Alerts: told once, by sight, voice and sound; over when it is over. And who may see and steer whom.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, Switch, live, open, quit, sleep, until } from './help.mjs';

/** @type {Server} */ let server;
/** @type {Switch} */ let edge;
before(async () => {
  server = await Server.start();
  edge = await Switch.make(server);
  await server.api('PUT', '/queues/claims', { name: 'Claims' });
  await server.api('PUT', '/alert_rules/crowded', { name: 'Many wait', figure: 'waiting', by: 'queue', watch: 12, act: 15, for_s: 0 });
});
after(async () => { await quit(); await server.stop(); });

const heard = (page, kind) => page.evaluate(async (k) => (await import(document.querySelector('script[type=module]').src.replace('main.js', 'ui/sound.js'))).played[k], kind);

test('8: sixteen wait where fifteen are too many', async () => {
  const page = await open(server, '/live', { more: { sound: true } }), quiet = await open(server, '/live');
  for (const p of [page, quiet]) {
    await live(p);
    // Everything that the live region says.
    await p.evaluate(() => { globalThis.spoken = []; new MutationObserver(() => { const t = document.getElementById('said')?.textContent; if (t) globalThis.spoken.push(t); }).observe(document.getElementById('said'), { childList: true, characterData: true, subtree: true }); });
  }
  const calls = [];
  for (let i = 0; i < 16; i++) calls.push(await edge.call('claims', `+4477009033${String(i).padStart(2, '0')}`));
  const tile = page.locator('.tile', { hasText: 'Claims' });
  await page.locator('.tile.f2', { hasText: 'Claims' }).waitFor();
  const line = page.locator('.alerts .alert', { hasText: 'Many wait' });
  await line.locator('.flag.f2').waitFor();
  assert.match(await line.locator('time').textContent(), /^0:\d\d$/);
  await sleep(3000);
  const spoken = await page.evaluate(() => globalThis.spoken.filter((t) => /Many wait.*act now/.test(t)));
  assert.equal(spoken.length, 1, JSON.stringify(spoken));
  assert.equal(await heard(page, 'alert'), 1);
  assert.equal(await heard(quiet, 'alert'), 0, 'no sound where it is not switched on');
  await line.getByRole('button', { name: /^Ack Claims/ }).click();
  await line.getByRole('button').waitFor({ state: 'detached' });
  assert.equal((await server.api('GET', '/alerts?open=true')).items.length, 1);
  for (const call of calls.slice(0, 6)) await edge.say(call, 'call.abandoned');
  await line.getByText(/^Resolved/).waitFor();
  assert.equal(await page.locator('.rail .count').count(), 0);
  await until('it is not said again', async () => (await page.evaluate(() => globalThis.spoken.filter((t) => /act now/.test(t)).length)) === 1);
  assert.match(await tile.locator('.big').textContent(), /^10 waiting/);
  page.check(); quiet.check();
  await page.context().close(); await quiet.context().close();
});

test('a rule is made, switched off and removed on its page', async () => {
  const page = await open(server, '/alerts');
  await live(page);
  await page.getByRole('button', { name: 'Add a rule' }).click();
  await page.getByLabel('Figure').selectOption('longest_wait_now_ms');
  await page.getByLabel('Watch above').fill('1');
  await page.getByLabel('Act above').fill('2');
  await page.getByLabel('For at least (s)').fill('0');
  await page.getByLabel('Name').fill('Waits long');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await page.locator('.inbox .alert', { hasText: 'Waits long' }).waitFor();
  const rule = (await server.api('GET', '/alert_rules')).items.find((r) => r.name === 'Waits long');
  assert.deepEqual([rule.watch, rule.act, rule.figure], [1000, 2000, 'longest_wait_now_ms']);
  await page.getByRole('switch', { name: 'Waits long is looked at' }).click();
  await page.locator('.inbox .alert', { hasText: 'Waits long' }).getByText(/^Resolved/).waitFor();
  await page.getByRole('button', { name: 'Remove the rule Waits long' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove the rule', exact: true }).click();
  await until('it is gone', async () => !(await server.api('GET', '/alert_rules')).items.some((r) => r.name === 'Waits long'));
  // Of agents there is no queue to choose.
  await page.getByRole('button', { name: 'Add a rule' }).click();
  await page.getByLabel('Figure').selectOption('agents_out_of_adherence-agent');
  assert.equal(await page.getByLabel('Queue').count(), 0);
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await page.getByText('Agent out of adherence').first().waitFor();
  const of = (await server.api('GET', '/alert_rules')).items.find((r) => r.figure === 'agents_out_of_adherence');
  assert.deepEqual([of.by, of.ids, of.watch, of.act, of.for_s], ['agent', [], null, 1, 300]);
  page.check();
  await page.context().close();
});

test('10: what a role may not do is not offered, and the server refuses it all the same', async () => {
  await server.person('usr_ann', 'Ann', 'Lee', 'agent');
  await server.person('usr_sue', 'Sue', 'Visor', 'supervisor');
  await server.person('usr_rep', 'Rep', 'Ort', 'report_manager');
  await server.api('PUT', '/queues/claims/members/usr_ann', {});
  // A supervisor steers, and changes no queue.
  const sue = await open(server, '/live?agent=usr_ann', { by: 'person', email: 'sue.visor@example.com' });
  const drawer = sue.getByRole('complementary', { name: 'Agent Ann Lee' });
  assert.ok(await drawer.getByRole('button', { name: 'Log out' }).isEnabled());
  assert.equal(await drawer.getByRole('button', { name: 'Add queue' }).count(), 0);
  assert.equal(await drawer.locator('.stars.set').count(), 0);
  const refused = await sue.evaluate(async () => (await fetch('/v1/accounts/default/queues/claims/members/usr_ann', { method: 'PUT', headers: { 'content-type': 'application/json', 'x-callboard-csrf': localStorage.getItem('callboard.csrf') }, body: '{"stars":4}' })).status);
  assert.equal(refused, 403);
  sue.allow(/status of 403/);
  sue.check();
  await sue.context().close();
  // An agent sees a desk and no floor.
  const ann = await open(server, '/', { by: 'person', email: 'ann.lee@example.com' });
  await ann.getByRole('heading', { name: 'My desk' }).waitFor();
  assert.deepEqual(await ann.locator('.rail a:not(.brand) > span').allTextContents(), ['My desk']);
  const forbidden = await ann.evaluate(async () => (await fetch('/v1/accounts/default/agents/bulk/status', { method: 'POST', headers: { 'content-type': 'application/json', 'x-callboard-csrf': localStorage.getItem('callboard.csrf') }, body: '{"items":[{"user":"usr_sue","status":"offline"}]}' })).json());
  assert.ok(JSON.stringify(forbidden).includes('403') || forbidden.status === 403, JSON.stringify(forbidden));
  ann.allow(/status of 403/);
  ann.check();
  await ann.context().close();
});
