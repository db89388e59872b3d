// Saved views, the palette, and the trend's past.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { PASSWORD, Server, Switch, live, look, open, quit, until } from './help.mjs';

/** @type {Server} */ let server;
/** @type {Switch} */ let edge;
let agents;
before(async () => {
  server = await Server.start();
  edge = await Switch.make(server);
  await server.api('PUT', '/queues/support', { name: 'Support' });
  await server.api('PUT', '/queues/q7', { name: 'Claims and complaints' });
  agents = await server.agents(4, ['support', 'q7']);
  await server.api('PUT', '/teams/north', { name: 'North' });
  await server.api('PUT', `/teams/north/members/${agents[1]}`, {});
  await server.person('usr_sue', 'Sue', 'Visor', 'supervisor');
  await server.person('usr_max', 'Max', 'Visor', 'supervisor');
});
after(async () => { await quit(); await server.stop(); });

const views = async (email) => {
  const opened = await server.ask('POST', '/v1/sessions', { email, password: PASSWORD });
  return (await server.ask('GET', '/v1/accounts/default/views', undefined, opened.token)).items;
};
const menu = async (page, item) => {
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: item }).click();
};
const headers = (page) => page.getByRole('grid', { name: 'Agents' }).getByRole('columnheader').allTextContents();

test('a view is saved, opened, renamed, shared and deleted; its address works as before', async () => {
  const page = await open(server, '/live', { by: 'person', email: 'sue.visor@example.com' });
  await live(page);
  await page.getByLabel('Find agents by name').fill('agent 00');
  await menu(page, 'Columns…');
  await page.getByRole('dialog').getByLabel('Occupancy').uncheck();
  await look(page, 'columns');
  await page.keyboard.press('Escape');
  assert.ok(!(await headers(page)).some((h) => h.includes('Occupancy')));
  await until('the address says so', () => page.url().includes('hide=occ') && page.url().includes('find=agent'));
  await menu(page, 'Save this view…');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name of the view').fill('Late shift');
  await dialog.getByLabel('Who else may open it').selectOption('account');
  await look(page, 'saving a view');
  await dialog.getByRole('button', { name: 'Save the view' }).click();
  await page.locator('.toast').getByText('View saved: Late shift').waitFor();
  const [kept] = await views('sue.visor@example.com');
  assert.deepEqual([kept.name, kept.shared, kept.zone, kept.own], ['Late shift', 'account', null, true]);
  assert.match(kept.path, /^\/live\?.*find=agent/);

  // Everybody again, and back by the view; then as somebody else, who may not change it.
  await menu(page, 'Everybody');
  await until('all columns', async () => (await headers(page)).some((h) => h.includes('Occupancy')));
  await menu(page, 'Late shift');
  await until('the filter is back', async () => (await page.getByLabel('Find agents by name').inputValue()) === 'agent 00');
  assert.ok(!(await headers(page)).some((h) => h.includes('Occupancy')));
  const other = await open(server, '/live', { by: 'person', email: 'max.visor@example.com' });
  await live(other);
  await menu(other, /Late shift by Sue Visor/);
  await until('as Sue has it', async () => (await other.getByLabel('Find agents by name').inputValue()) === 'agent 00');
  await other.getByRole('button', { name: 'Views' }).click();
  assert.ok(await other.getByRole('menuitem', { name: 'Rename or delete…' }).isDisabled());
  await other.goto(`${server.url}${kept.path}`);
  await live(other);
  assert.equal(await other.getByLabel('Find agents by name').inputValue(), 'agent 00');

  await menu(page, 'Rename or delete…');
  await dialog.getByLabel('Name of Late shift').fill('Night shift');
  await dialog.getByLabel('Name of Late shift').press('Tab');
  await dialog.getByLabel('Name of Night shift').waitFor();
  await look(page, 'my views');
  await dialog.getByRole('button', { name: 'Delete Night shift' }).click();
  await dialog.getByText('You have saved no view.').waitFor();
  assert.deepEqual(await views('max.visor@example.com'), []);
  page.check(); other.check();
  await page.context().close(); await other.context().close();
});

test('the wallboard shows the queues that are chosen, and is saved with them', async () => {
  const page = await open(server, '/wall', { by: 'person', email: 'sue.visor@example.com' });
  await page.getByRole('heading', { name: 'Support' }).waitFor();
  await page.getByRole('button', { name: 'Queues…' }).click();
  await page.getByRole('dialog').getByLabel('Support').uncheck();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Support' }).waitFor({ state: 'detached' });
  assert.match(page.url(), /queues=q7/);
  await page.getByRole('button', { name: 'Save this view…' }).click();
  await page.getByRole('dialog').getByLabel('Name of the view').fill('Claims wall');
  await page.getByRole('dialog').getByRole('button', { name: 'Save the view' }).click();
  await until('it is kept', async () => (await views('sue.visor@example.com'))[0]?.path === '/wall?queues=q7');
  page.check();
  await page.context().close();
});

test('the palette goes anywhere and acts, by the keyboard alone', async () => {
  await server.status(agents[2], 'ready');
  const opened = await server.ask('POST', '/v1/sessions', { email: 'sue.visor@example.com', password: PASSWORD });
  await server.ask('PUT', '/v1/accounts/default/users/usr_sue/views/wall', { name: 'Wall of claims', path: '/wall?queues=q7' }, opened.token);
  const page = await open(server, '/live', { by: 'person', email: 'sue.visor@example.com' });
  await live(page);
  const box = page.getByRole('combobox', { name: 'Go to, or do' });
  const ask = async (text, first) => {
    await page.keyboard.press('Control+k');
    await box.waitFor();
    assert.ok(await box.evaluate((b) => b === document.activeElement), 'it has the focus');
    await page.keyboard.type(text);
    await page.getByRole('option', { selected: true }).getByText(first, { exact: true }).waitFor();
  };
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: /Staff/ }).waitFor();
  await look(page, 'the palette');
  await page.keyboard.press('Escape');
  await box.waitFor({ state: 'detached' });
  await ask('complai', 'Claims and complaints');
  await page.keyboard.press('Enter');
  await until('the queue', () => page.url().endsWith('/live/queue/q7'));
  await ask('wall of', 'Wall of claims');
  await page.keyboard.press('Enter');
  await until('the saved view', () => page.url().endsWith('/wall?queues=q7'));
  await ask('north', 'North');
  await page.keyboard.press('Enter');
  await until('the team', () => page.url().includes('/live?team=north'));
  await until('one agent', async () => (await page.getByRole('grid', { name: 'Agents' }).getByRole('row').count()) === 2);
  await ask('agent 003', 'Agent 003');
  await page.keyboard.press('Enter');
  await page.getByRole('complementary', { name: 'Agent Agent 003' }).waitFor();
  await ask('log out agent 002', 'Log out: Agent 002');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: 'Log out 1 agent' }).press('Enter');
  await until('logged out', async () => (await server.agent(agents[2])).status === 'offline');
  await ask('nobody of this name', '').catch(() => {});
  await page.getByText('Nothing of that name.').waitFor();
  page.check();
  await page.context().close();
});

test('the trend knows the hour before the page was opened', async () => {
  for (let i = 0; i < 3; i++) await edge.call('support');
  const page = await open(server, '/live');
  await live(page);
  await page.getByText(/^Before .*: means of five minutes\.$/).waitFor();
  page.check();
  await page.context().close();
});

test('the desk tells queues and supervisors by name, though agents may not read the configuration', async () => {
  await server.person('usr_ann', 'Ann', 'Lee', 'agent');
  await server.api('PUT', '/queues/q7/members/usr_ann', {});
  const desk = await open(server, '/desk', { by: 'person', email: 'ann.lee@example.com' });
  await desk.getByRole('button', { name: 'Available' }).click();
  await until('ready', async () => (await server.agent('usr_ann')).offerable);
  await desk.getByText('Claims and complaints').first().waitFor();
  const opened = await server.ask('POST', '/v1/sessions', { email: 'sue.visor@example.com', password: PASSWORD });
  await server.ask('POST', '/v1/accounts/default/agents/bulk/notify', { users: ['usr_ann'], text: 'Ten minutes more' }, opened.token);
  await desk.getByText('Ten minutes more').first().waitFor();
  await desk.getByText('Sue Visor').first().waitFor();
  await edge.call('q7');
  await desk.getByRole('heading', { name: 'Claims and complaints' }).waitFor();
  desk.check();
  await desk.context().close();
});
