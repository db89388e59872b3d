// The live floor: what happens at the engine is seen, and what is done on the page happens.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, Switch, live, open, quit, row, sleep, until } from './help.mjs';

/** @type {Server} */ let server;
/** @type {Switch} */ let edge;
let agents;
before(async () => {
  server = await Server.start();
  edge = await Switch.make(server);
  await server.api('PUT', '/break_reasons/lunch', { name: 'Lunch' });
  await server.api('PUT', '/queues/support', { name: 'Support', strategy: 'longest_idle', wrap_up: { manual: true, max_ms: 60_000 } });
  await server.api('PUT', '/queues/claims', { name: 'Claims', strategy: 'skilled', ring_for_ms: 60_000, wrap_up: { manual: true, max_ms: 60_000 } });
  agents = await server.agents(30, ['support']);
});
after(async () => { await quit(); await server.stop(); });

const label = (page, id) => row(page, id).locator('.c-status .status').textContent();
const mark = (page, id) => row(page, id).locator('.c-status .mark').evaluate((m) => ({ classes: [...m.classList], radius: getComputedStyle(m).borderTopLeftRadius, turned: getComputedStyle(m).transform !== 'none', fill: getComputedStyle(m).backgroundColor, image: getComputedStyle(m).backgroundImage !== 'none', colour: getComputedStyle(m).color }));

test('2: an agent who logs in turns green within half a second, and the queue has one more free', async () => {
  const page = await open(server, '/live');
  await live(page);
  const free = async () => Number(/(\d+) free/.exec(await page.locator('.tile', { hasText: 'Support' }).locator('footer').textContent())[1]);
  const had = await free(), id = agents[0];
  assert.equal(await label(page, id), 'Logged out');
  const began = Date.now();
  await server.status(id, 'ready');
  await until('green', async () => (await label(page, id)) === 'Available', 5000);
  console.log(`status change to picture: ${Date.now() - began} ms`);
  assert.ok((await mark(page, id)).classes.includes('green'));
  await until('one more free', async () => (await free()) === had + 1);
  const since = Date.parse((await server.agent(id)).since);
  await sleep(1200);
  const shown = await row(page, id).locator('.c-since').textContent(), [m, s] = shown.split(':').map(Number);
  assert.ok(Math.abs(m * 60 + s - (Date.now() - since) / 1000) <= 1.5, `${shown} since ${since}`);
  page.check();
  await page.context().close();
});

for (const theme of ['light', 'dark']) {
  test(`3: the four colours have their outlines and words (${theme})`, async () => {
    const page = await open(server, '/live?find=agent_001', { theme });
    await live(page);
    const id = agents[1], walk = [
      ['Logged out', 'gray', async () => server.status(id, 'offline')],
      ['Available', 'green', async () => server.status(id, 'ready')],
      ['Break: lunch', 'red', async () => server.status(id, 'on_break', { reason: 'lunch' })],
      ['Opted out', 'orange', async () => { await server.status(id, 'ready'); await server.api('PUT', `/queues/support/members/${id}/opted_in`, { opted_in: false }); }],
    ];
    const seen = [];
    for (const [word, tone, act] of walk) {
      await act();
      await until(word, async () => (await label(page, id)) === word);
      const m = await mark(page, id);
      assert.ok(m.classes.includes(tone), `${word}: ${m.classes}`);
      seen.push(m);
    }
    const [gray, green, red, orange] = seen;
    assert.ok(gray.image && !green.image, 'gray is struck through');
    assert.equal(green.radius, '50%');
    assert.equal(red.radius, '2px');
    assert.ok(orange.turned && !red.turned, 'orange is a diamond');
    assert.equal(new Set(seen.map((m) => m.colour)).size, 4);
    await server.api('PUT', `/queues/support/members/${id}/opted_in`, { opted_in: true });
    await server.status(id, 'offline');
    page.check();
    await page.context().close();
  });
}

test('4: a log-out during a call is pending, comes true after it, and says who did it', async () => {
  const id = agents[0];
  await server.person('usr_ann', 'Ann', 'Lee', 'agent');
  await server.person('usr_sue', 'Sue', 'Visor', 'supervisor');
  await server.api('PUT', '/queues/claims/members/usr_ann', {});
  const desk = await open(server, '/desk', { by: 'person', email: 'ann.lee@example.com' });
  await desk.getByRole('button', { name: 'Available' }).click();
  await until('ready', async () => (await server.agent('usr_ann')).offerable);
  const call = await edge.call('claims');
  await desk.getByRole('button', { name: /^Accept/ }).click();
  await desk.getByRole('heading', { name: /^On call/ }).waitFor();
  const page = await open(server, '/live', { by: 'person', email: 'sue.visor@example.com' });
  await live(page);
  await row(page, 'usr_ann').locator('.c-name').click();
  const drawer = page.getByRole('complementary', { name: 'Agent Ann Lee' });
  await drawer.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Log out 1 agent' }).click();
  await drawer.getByText('Pending: logged out, after the present work.').waitFor();
  await row(page, 'usr_ann').getByText('→ log out').waitFor();
  assert.match(await label(page, 'usr_ann'), /On call/);
  await desk.getByText(/Sue Visor has set: logged out/).waitFor();
  await edge.say(call, 'call.ended', { by: 'caller' });
  await desk.getByRole('button', { name: /^Done, next call/ }).click();
  await until('gray', async () => (await label(page, 'usr_ann')) === 'Logged out');
  const audit = await server.api('GET', '/audit?action=status');
  const deed = audit.items.find((d) => d.action === 'status.force');
  assert.equal(deed.by, 'usr_sue');
  assert.equal(deed.subject.includes('usr_ann') || deed.subject === 'usr_ann', true, deed.subject);
  await desk.getByText(/logged out, set by Sue Visor/).waitFor();
  page.check(); desk.check();
  await page.context().close(); await desk.context().close();
  void id;
});

test('5: twenty-five are opted in by the keyboard alone', async () => {
  for (const id of agents) await server.status(id, 'ready');
  for (const id of agents.slice(0, 25)) await server.api('PUT', `/queues/support/members/${id}/opted_in`, { opted_in: false });
  const page = await open(server, '/live');
  await live(page);
  const chip = page.getByRole('button', { name: /^Opted out/ });
  await chip.focus();
  await page.keyboard.press('Enter');
  await page.getByText('25 shown').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.press('Enter');
  const grid = page.getByRole('grid', { name: 'Agents' });
  assert.ok(await grid.evaluate((g) => g === document.activeElement));
  await page.keyboard.press('Home');
  await page.keyboard.press('Space');
  for (let i = 0; i < 24; i++) { await page.keyboard.press('ArrowDown'); await page.keyboard.press('Space'); }
  await page.getByText('25 selected').waitFor();
  // The bar stands after the grid: on with Tab, as far as the menu.
  for (let i = 0; i < 20 && !(await page.evaluate(() => document.activeElement?.textContent === 'Opt in or out')); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until('the menu has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('role') === 'menuitem'));
  await page.keyboard.press('Enter');
  await page.locator('.toast').getByText('25 opted in').waitFor();
  assert.equal(await page.getByText(/\d+ selected/).count(), 0);
  assert.ok(await grid.evaluate((g) => g === document.activeElement), 'the focus is on the rows again');
  for (const id of agents.slice(0, 25)) assert.equal((await server.agent(id)).queues[0].presence, 'available');
  page.check();
  await page.context().close();
});

test('S3-27: who is taken out of a group is asked about first', async () => {
  await server.api('PUT', '/groups/desk', { name: 'Front desk', total_ms: 20_000 });
  await server.api('PUT', `/groups/desk/members/${agents[5]}`, {});
  const members = async () => (await server.api('GET', '/groups/desk/members')).items.length;
  const page = await open(server, '/staff');
  await live(page);
  const remove = page.getByRole('button', { name: 'Remove Agent 005 from Front desk' }), dialog = page.getByRole('dialog');
  await remove.click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await members(), 1, 'asked, and not done');
  await remove.click();
  await dialog.getByRole('button', { name: 'Remove from Front desk' }).click();
  await until('the group is empty', async () => (await members()) === 0);
  await remove.waitFor({ state: 'detached' });
  page.check();
  await page.context().close();
});

test('11: more stars, edited in place, change who is rung next', async () => {
  await server.api('PUT', '/users/usr_bea', { first_name: 'Bea', last_name: 'Ito', role: 'agent', endpoint: 'sip:bea@127.0.0.1' });
  await server.api('PUT', '/users/usr_cid', { first_name: 'Cid', last_name: 'Xu', role: 'agent', endpoint: 'sip:cid@127.0.0.1' });
  await server.api('PUT', '/queues/claims', { name: 'Claims', strategy: 'skilled', competency: true, ring_for_ms: 60_000 });
  await server.api('PUT', '/queues/claims/members/usr_bea', { stars: 1 });
  await server.api('PUT', '/queues/claims/members/usr_cid', { stars: 3 });
  for (const id of ['usr_bea', 'usr_cid']) await server.status(id, 'ready');
  const first = await edge.call('claims');
  assert.equal(await edge.answer(first), 'usr_cid');
  await edge.say(first, 'call.ended', { by: 'caller' });
  await until('free again', async () => (await server.agent('usr_cid')).offerable);
  const page = await open(server, '/staff');
  await live(page);
  const column = page.getByRole('region', { name: 'Claims' });
  await column.locator('.card', { hasText: 'Bea Ito' }).getByRole('button', { name: '4 stars in Claims' }).click();
  await page.locator('.toast').getByText('Bea Ito: 4 stars in Claims').waitFor();
  const second = await edge.call('claims');
  assert.equal(await edge.answer(second), 'usr_bea');
  await column.getByRole('button', { name: 'Bea Ito', exact: true }).click();
  await page.getByRole('complementary', { name: 'Agent Bea Ito' }).getByRole('group', { name: 'Stars in Claims: 4 of 4' }).waitFor();
  await edge.say(second, 'call.ended', { by: 'caller' });
  page.check();
  await page.context().close();
});

test('why nobody: a queue says why a caller is not served, and its story can be read', async () => {
  for (const id of ['usr_bea', 'usr_cid']) await server.status(id, 'offline');
  await server.status('usr_bea', 'on_break', { reason: 'lunch' });
  const call = await edge.call('claims', '+447700903392');
  const page = await open(server, '/live/queue/claims');
  await live(page);
  await page.getByRole('grid', { name: 'Waiting callers' }).getByText('+44••••3392').waitFor();
  await page.locator('.why').getByText(/none of 3 agents can take the call now/).waitFor();
  await page.locator('.why').getByText('is on a break').waitFor();
  await edge.say(call, 'call.abandoned');
  await page.getByText('Nobody waits.').first().waitFor();
  await page.goto(`${server.url}/calls/${call.id}`);
  await page.getByText('Waits in Claims').waitFor();
  await page.getByText(/The call ended/).waitFor();
  page.check();
  await page.context().close();
});

test('the address holds the view, and a view can be saved and come back to', async () => {
  const page = await open(server, '/live');
  await live(page);
  await page.keyboard.press('/');
  await page.keyboard.type('agent 01');
  await page.getByText('11 shown').waitFor();
  await page.getByRole('columnheader', { name: 'Agent', exact: true }).getByRole('button').click();
  await until('the address', () => /find=agent\+01/.test(page.url()) && /sort=name/.test(page.url()));
  const again = await open(server, new URL(page.url()).pathname + new URL(page.url()).search);
  await again.getByText('11 shown').waitFor();
  assert.equal(await again.getByRole('columnheader', { name: 'Agent', exact: true }).getAttribute('aria-sort'), 'ascending');
  await again.context().close();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view…' }).click();
  await page.getByLabel('Name of the view').fill('Tens');
  await page.getByRole('button', { name: 'Save the view' }).click();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Everybody' }).click();
  await until('all of them', async () => !/11 shown/.test(await page.locator('.toolbar').textContent()));
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Tens', exact: true }).click();
  await page.getByText('11 shown').waitFor();
  page.check();
  await page.context().close();
});
