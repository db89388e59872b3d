// Signing in, the first start, the desk: what a person does at the door and at work.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { PASSWORD, Server, Switch, launch, live, open, quit, row, sleep, until } from './help.mjs';

/** @type {Server} */ let server;
before(async () => { server = await Server.start(); });
after(async () => { await quit(); await server.stop(); });

/** A bare page: nobody is signed in. */
async function stranger(path) {
  const context = await (await launch()).newContext({ viewport: { width: 1280, height: 800 } }), page = await context.newPage(), wrong = [];
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) wrong.push(m.text()); });
  page.on('pageerror', (e) => wrong.push(e.stack));
  page.check = () => assert.deepEqual(wrong, []);
  page.allow = (pattern) => { for (let i = wrong.length; i--;) if (pattern.test(wrong[i])) wrong.splice(i, 1); };
  await page.goto(path);
  return page;
}

test('1: an empty folder, the printed link, a password, and the first routed call', async () => {
  const door = await stranger(`${server.url}/`);
  await door.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await door.getByText('First name').count(), 0, 'without the link there is only the sign-in');
  door.check();
  await door.context().close();
  const page = await stranger(await server.link());
  await page.getByLabel('First name').fill('Olga');
  await page.getByLabel('Last name').fill('Owner');
  await page.getByLabel('E-mail').fill('olga@example.com');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByLabel('The same again').fill('another password');
  await page.getByRole('button', { name: /Set the password/ }).click();
  await page.getByText('The two passwords are not the same.').waitFor();
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: /Set the password/ }).click();
  await page.getByRole('button', { name: 'Make the queue' }).waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the secret is gone from the address');
  await page.getByRole('link', { name: 'Live' }).click();
  await page.getByText('No queues yet.').waitFor();
  await page.getByText('No agents yet.').or(page.getByText('Olga Owner')).first().waitFor();
  await page.getByRole('link', { name: 'Make the first one' }).click();
  await page.getByRole('button', { name: 'Make the queue' }).click();
  await page.getByRole('button', { name: 'Take the calls yourself' }).click();
  await page.getByRole('button', { name: 'Let somebody call' }).waitFor();
  const desk = await page.context().newPage();
  await desk.goto(`${server.url}/desk`);
  await desk.getByRole('button', { name: 'Available' }).click();
  await page.getByRole('button', { name: 'Let somebody call' }).click();
  await page.getByText('Olga Owner is rung.').waitFor();
  await desk.getByRole('button', { name: /^Accept/ }).click();
  await page.getByText('The caller talks with Olga Owner.').waitFor();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('The call is over.').waitFor();
  await page.getByRole('link', { name: 'Its story' }).click();
  await page.getByText('Olga Owner answered').waitFor();
  page.check();
  await page.context().close();
});

test('an invited agent sets a password by the link, lands at the desk, and the link is dead', async () => {
  const told = await server.api('POST', '/invites', { items: [{ email: 'ivy@example.com', first_name: 'Ivy', last_name: 'Park', role: 'agent' }] });
  const link = `${server.url}/welcome#${told.results[0].link}`;
  const page = await stranger(link);
  await page.getByText('Ivy Park').waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: /Set the password/ }).click();
  await page.getByRole('heading', { name: 'My desk' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Live', exact: true }).count(), 0, 'an agent sees only the own navigation');
  await page.goto('about:blank');
  await page.goto(link);
  await page.getByRole('heading', { name: 'This link cannot be used' }).waitFor();
  page.allow(/status of 4\d\d/);
  page.check();
  await page.context().close();
});

test('a wrong password is said; signing out everywhere ends the other browser', async () => {
  await server.person('usr_pat', 'Pat', 'Two', 'supervisor');
  const page = await stranger(`${server.url}/`);
  await page.getByLabel('E-mail').fill('pat.two@example.com');
  await page.getByLabel('Password').fill('not it at all');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.said').getByText(/./).waitFor();
  page.allow(/status of 401/);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await live(page);
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script can read the session');
  const other = await open(server, '/live', { by: 'person', email: 'pat.two@example.com' });
  await live(other);
  await page.getByRole('button', { name: /^Pat Two/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out everywhere' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  other.allow(/status of 401|WebSocket/);
  page.check(); other.check();
  await page.context().close(); await other.context().close();
});

test('9: an offer is refused and goes on, is accepted by keyboard, held, wrapped up with a disposition', async () => {
  const edge = await Switch.make(server);
  await server.api('PUT', '/dispositions/solved', { name: 'Solved' });
  await server.api('PUT', '/queues/claims', { name: 'Claims', strategy: 'skilled', competency: true, ring_for_ms: 60_000, dispositions: ['solved'], after_refusal_ms: 1000, wrap_up: { manual: true, max_ms: 120_000 } });
  await server.person('usr_ann', 'Ann', 'Lee', 'agent');
  await server.api('PUT', '/queues/claims/members/usr_ann', { stars: 4 });
  await server.api('PUT', '/users/usr_bob', { first_name: 'Bob', last_name: 'Ray', role: 'agent', endpoint: 'sip:bob@127.0.0.1' });
  await server.api('PUT', '/queues/claims/members/usr_bob', { stars: 1 });
  await server.status('usr_bob', 'ready');
  const page = await open(server, '/desk', { by: 'person', email: 'ann.lee@example.com' });
  await page.getByRole('button', { name: 'Available' }).focus();
  await page.keyboard.press('Enter');
  await until('ready', async () => (await server.agent('usr_ann')).offerable);
  const first = await edge.call('claims');
  await page.getByRole('region', { name: 'Incoming call' }).getByText('+447700903391').waitFor();
  await page.getByText(/rings 0:0\d of 1:00/).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('region', { name: 'Incoming call' }).waitFor({ state: 'detached' });
  const next = await until('it rings at the next', async () => (await server.api('GET', `/calls/${first.id}`)).offers.find((o) => !o.closed_at && o.agent === 'usr_bob'));
  assert.ok(next);
  await edge.answer(first);
  await until('offerable again', async () => (await server.agent('usr_ann')).offerable, 5000);
  const second = await edge.call('claims', '+447700903393');
  await page.getByRole('region', { name: 'Incoming call' }).waitFor();
  await until('the focus is on Accept', () => page.evaluate(() => document.activeElement?.textContent?.startsWith('Accept')));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /^On call/ }).waitFor();
  await page.keyboard.press('h');
  await until('the switch is told', async () => (await server.ask('GET', '/v1/accounts/default/switches/edge/commands?after=0')).commands.some((c) => c.type === 'call.hold'));
  await edge.say(second, 'call.held');
  await page.getByRole('heading', { name: /^On hold/ }).waitFor();
  await page.keyboard.press('h');
  await edge.say(second, 'call.resumed');
  await page.getByRole('heading', { name: /^On call/ }).waitFor();
  await edge.say(second, 'call.ended', { by: 'caller' });
  await page.getByRole('heading', { name: 'Wrap-up' }).waitFor();
  await page.keyboard.press('Control+Enter');
  await page.getByText('Choose a disposition first.').waitFor();
  await page.getByLabel('Disposition (required)').selectOption('solved');
  await page.keyboard.press('Control+Enter');
  await page.getByText('You are available. The next call rings here.').waitFor();
  const trace = await server.api('GET', `/calls/${second.id}/trace`);
  assert.equal(trace.items.find((t) => t.type === 'wrap_up_ended').disposition, 'solved');
  const handled = page.locator('.stats div', { hasText: 'Handled' }).locator('dd');
  await until('one handled', async () => (await handled.textContent()) === '1', 8000);
  const floor = await open(server, '/live');
  await live(floor);
  await until('one handled on the floor', async () => (await row(floor, 'usr_ann').locator('.c-handled').textContent()) === '1', 8000);
  await floor.context().close();
  page.check();
  await page.context().close();
});

test('a message from a supervisor stands on the desk until it is read', async () => {
  const page = await open(server, '/desk', { by: 'person', email: 'ann.lee@example.com' });
  await page.getByRole('heading', { name: 'My queues' }).waitFor();
  await until('the desk is open', async () => (await server.agent('usr_ann')).lease?.desks === 1);
  await server.api('POST', '/agents/bulk/notify', { users: ['usr_ann'], text: 'Meeting at three' });
  await page.locator('.message').getByText('Meeting at three').waitFor();
  await page.getByRole('button', { name: 'Read', exact: true }).click();
  await page.locator('.message').waitFor({ state: 'detached' });
  page.check();
  await page.context().close();
  await sleep(50);
});
