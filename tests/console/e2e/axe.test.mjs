// Every page in both themes, as axe sees it; no sideways scroll at 200 %, focus in sight.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, Switch, launch, live, look, open, quit, row, sleep, until } from './help.mjs';

/** @type {Server} */ let server;
/** @type {Switch} */ let edge;
let talking;
const waiting = [];
before(async () => {
  server = await Server.start();
  edge = await Switch.make(server);
  await server.api('PUT', '/teams/north', { name: 'North' });
  await server.api('PUT', '/break_reasons/lunch', { name: 'Lunch' });
  await server.api('PUT', '/queues/support', { name: 'Support', ring_for_ms: 120_000, wrap_up: { manual: true, max_ms: 120_000 } });
  await server.api('PUT', '/queues/sales', { name: 'Sales', ring_for_ms: 120_000 });
  await server.person('usr_ann', 'Ann', 'Lee', 'agent', { extension: '2471' });
  await server.api('PUT', '/queues/support/members/usr_ann', { stars: 3 });
  await server.api('PUT', '/teams/north/members/usr_ann', {});
  const agents = await server.agents(12, ['support', 'sales']);
  for (const id of agents.slice(0, 8)) await server.status(id, 'ready');
  await server.status(agents[1], 'on_break', { reason: 'lunch' });
  await server.api('PUT', `/queues/support/members/${agents[2]}/opted_in`, { opted_in: false });
  await server.api('PUT', `/queues/sales/members/${agents[2]}/opted_in`, { opted_in: false });
  await server.api('PUT', '/alert_rules/crowded', { name: 'Many wait', figure: 'waiting', by: 'queue', watch: 5, act: 8 });
  talking = await edge.call('sales');
  await edge.answer(talking);
  for (let i = 0; i < 10; i++) waiting.push(await edge.call('support', `+44770090340${i}`));
});
after(async () => { await quit(); await server.stop(); });

/** Each page with what is done to it first. */
const PAGES = [
  ['live', '/live', live],
  ['live, some selected', '/live', async (page) => { await live(page); await page.locator('.row .c-pick').nth(1).click(); await page.locator('.row .c-pick').nth(3).click(); }],
  ['live, a menu', '/live', async (page) => { await live(page); await page.getByRole('button', { name: 'Views' }).click(); }],
  ['live, nobody found', '/live?find=zzz', async (page) => { await live(page); await page.getByText('No agent matches.').waitFor(); }],
  ['drawer', '/live?agent=usr_ann', async (page) => { await live(page); await page.getByRole('complementary').waitFor(); }],
  ['dialog', '/live', async (page) => { await live(page); await row(page, 'usr_ann').locator('.c-pick').click(); await page.getByRole('button', { name: 'Notify' }).click(); }],
  ['limits', '/live', async (page) => { await live(page); await page.getByRole('button', { name: 'Views' }).click(); await page.getByRole('menuitem', { name: 'Targets and limits…' }).click(); }],
  ['queue', '/live/queue/support', async (page) => { await live(page); await page.locator('.why ul').waitFor(); }],
  ['staff', '/staff', async (page) => { await live(page); await page.locator('.card .stars.set').first().waitFor(); }],
  ['alerts', '/alerts', async (page) => { await live(page); await page.locator('.inbox .alert').first().waitFor(); }],
  ['a rule', '/alerts', async (page) => { await live(page); await page.getByRole('button', { name: 'Add a rule' }).click(); }],
  ['wall', '/wall', async (page) => { await page.locator('.wall-tile').first().waitFor(); }],
  ['story', () => `/calls/${talking.id}`, async (page) => { await page.locator('.line').waitFor(); }],
  ['start', '/start', async (page) => { await page.getByRole('button', { name: 'Let somebody call' }).waitFor(); }],
  ['not here', '/live/none', async (page) => { await page.getByText('There is no such page.').waitFor(); }],
];

for (const theme of ['light', 'dark']) {
  for (const [name, path, act] of PAGES) {
    test(`14: ${name} (${theme})`, async () => {
      const page = await open(server, typeof path === 'string' ? path : path(), { theme, bypassCSP: true });
      await act(page);
      await look(page, name);
      page.check();
      await page.context().close();
    });
  }

  test(`14: sign-in and welcome (${theme})`, async () => {
    const context = await (await launch()).newContext({ bypassCSP: true, colorScheme: theme }), page = await context.newPage();
    await page.goto(`${server.url}/`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await look(page, 'sign-in');
    await page.goto(await server.link());
    await page.getByLabel('First name').waitFor();
    await look(page, 'welcome');
    await page.goto('about:blank');
    await page.goto(`${server.url}/welcome#nothing`);
    await page.getByRole('heading', { name: 'This link cannot be used' }).waitFor();
    await look(page, 'dead link');
    await context.close();
  });

  test(`14: the desk in each of its states (${theme})`, async () => {
    const page = await open(server, '/desk', { by: 'person', email: 'ann.lee@example.com', theme, bypassCSP: true });
    await page.getByText('You are logged out.').waitFor();
    await look(page, 'desk, logged out');
    await server.api('POST', '/agents/bulk/notify', { users: ['usr_ann'], text: 'Meeting at three' });
    await page.getByRole('button', { name: 'Available' }).click();
    await page.getByRole('region', { name: 'Incoming call' }).waitFor();
    await look(page, 'desk, ringing');
    await page.getByRole('button', { name: /^Accept/ }).click();
    await page.getByRole('heading', { name: /^On call/ }).waitFor();
    await page.getByRole('button', { name: /^Transfer/ }).click();
    await look(page, 'desk, transfer');
    await page.keyboard.press('Escape');
    await look(page, 'desk, on call');
    const [id] = (await server.agent('usr_ann')).calls;
    await edge.say(waiting.find((c) => c.id === id), 'call.ended', { by: 'caller' });
    await page.getByRole('heading', { name: 'Wrap-up' }).waitFor();
    await look(page, 'desk, wrap-up');
    await page.getByRole('button', { name: /^Done, next call/ }).click();
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await until('logged out', async () => (await server.agent('usr_ann')).status === 'offline');
    page.check();
    await page.context().close();
  });
}

test('14: at 200 % nothing is lost, and the focus is in sight wherever Tab leads', async () => {
  const page = await open(server, '/live', { width: 800, height: 500 });
  await live(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scroll');
  await page.getByRole('grid', { name: 'Agents' }).scrollIntoViewIfNeeded();
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  const seen = new Set();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const s = getComputedStyle(e), around = e.closest('.panel, .find'), a = around ? getComputedStyle(around) : null, b = e.getBoundingClientRect();
      return { name: `${e.tagName} ${e.getAttribute('aria-label') ?? e.textContent?.slice(0, 20)}`, ring: s.outlineStyle !== 'none' || (a?.outlineStyle ?? 'none') !== 'none', inside: b.bottom > 0 && b.top < innerHeight };
    });
    if (!at) break;
    seen.add(at.name);
    assert.ok(at.ring, `no focus ring on ${at.name}`);
    assert.ok(at.inside, `${at.name} has the focus out of sight`);
  }
  assert.ok(seen.size > 10, [...seen].join(', '));
  await page.setViewportSize({ width: 320, height: 640 });
  for (const path of ['/live', '/staff', '/start']) {
    await page.goto(`${server.url}${path}`);
    await sleep(700);
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide[0] <= wide[1], `${path} scrolls sideways at 320 px: ${wide}`);
  }
  await until('done', () => true);
  await page.context().close();
});
