// Who may listen to whom: the buttons of the drawer say what the matrix says, and so does the API.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { PASSWORD, Server, Switch, live, look, open, quit, until } from './help.mjs';

const ROLES = ['customer_service', 'team_supervisor', 'team_leader', 'call_center_supervisor', 'call_center_manager'];
/** Seeds S2-09 to S2-13: a row for who listens, a column for whom. */
const MAY = ['-----', 'x----', 'xxx--', 'x----', 'xxxxx'];

/** @type {Server} */ let server;
/** @type {Switch} */ let edge;
const calls = [], talks = [];
const email = (i) => `by.${ROLES[i].replaceAll('_', '-')}@example.com`;

/** A person of a role, in the team before the role counts. */
async function member(id, first, last, role, more) {
  await server.person(id, first, last, role, { ...more, assignment: role.startsWith('team_') ? 'pending' : 'active' });
  await server.api('PUT', `/teams/t/members/${id}`, {});
  await server.ask('PATCH', `/v1/accounts/default/users/${id}`, { assignment: 'active' });
}

before(async () => {
  server = await Server.start();
  edge = await Switch.make(server);
  await server.api('PUT', '/teams/t', { name: 'Team' });
  await server.api('PUT', '/queues/support', { name: 'Support' });
  for (const [i, role] of ROLES.entries()) {
    await member(`usr_target_${i}`, 'Target', role.replaceAll('_', '-'), role, { extension: `100${i}`, endpoint: `sip:target${i}@127.0.0.1` });
    await member(`usr_by_${i}`, 'By', role.replaceAll('_', '-'), role, { endpoint: `sip:by${i}@127.0.0.1` });
    await server.status(`usr_target_${i}`, 'ready');
    const call = await edge.call(undefined, '+447700903391', { extension: `100${i}` });
    await edge.answer(call);
    talks.push(call);
    calls.push(call.id);
  }
});
after(async () => { await quit(); await server.stop(); });

/** Both as they are at one instant. */
const state = (button) => button.evaluate((b) => [b.getAttribute('aria-disabled'), b.title]);
const told = async () => (await server.api('GET', '/switches/edge/commands')).commands.filter((c) => c.type === 'call.supervise');

for (const [row, role] of ROLES.entries()) {
  test(`10: what ${role} may listen to`, async () => {
    const opened = await server.ask('POST', '/v1/sessions', { email: email(row), password: PASSWORD });
    for (const column of ROLES.keys()) {
      const may = MAY[row][column] === 'x', path = `/v1/accounts/default/calls/${calls[column]}/supervise`;
      const answer = await server.ask('POST', path, { mode: 'monitor' }, opened.token).then(() => 202, (e) => e.status);
      assert.equal(answer, may ? 202 : 403, `${role} → ${ROLES[column]}`);
      if (may) await server.ask('DELETE', path, undefined, opened.token);
    }
    // Who may not watch the floor has no drawer to press a button in.
    if (MAY[row] === '-----') return;
    const page = await open(server, '/live', { by: 'person', email: email(row) });
    await live(page);
    for (const column of ROLES.keys()) {
      await page.goto(`${server.url}/live?agent=usr_target_${column}`);
      await live(page);
      const button = page.getByRole('complementary').getByRole('button', { name: 'Monitor', exact: true });
      await button.waitFor();
      const may = MAY[row][column] === 'x';
      const title = await until('it is known', async () => {
        const [off, said] = await state(button);
        return (off === 'true') === !may && !said.includes('being asked') && said;
      });
      if (may) assert.match(title, /Your phone rings/);
      else assert.match(title, new RegExp(`^Not yours to do: the role ${role} monitors`));
      if (!may) {
        const had = (await told()).length;
        await button.click({ force: true });
        assert.equal((await told()).length, had, 'nothing is asked');
      }
    }
    page.check();
    await page.context().close();
  });
}

test('10: until the server has said whether one may, nothing is on offer', async () => {
  const page = await open(server, '/live', { by: 'person', email: email(3) });
  await live(page);
  let answer;
  const held = new Promise((done) => { answer = done; });
  await page.route(/rights\/check/, (route) => held.then(() => route.continue()));
  await page.goto(`${server.url}/live?agent=usr_target_0`);
  const button = page.getByRole('complementary').getByRole('button', { name: 'Monitor', exact: true });
  await button.waitFor();
  assert.deepEqual(await state(button), ['true', 'The server is being asked whether you may']);
  answer();
  await until('one may', async () => (await state(button))[0] === 'false');
  assert.match((await state(button))[1], /^Your phone rings/);
  page.check();
  await page.context().close();
});

test('10: listening, speaking and leaving, and what the story says', async () => {
  const page = await open(server, '/live?agent=usr_target_0', { by: 'person', email: email(3) });
  await live(page);
  const drawer = page.getByRole('complementary'), button = (name) => drawer.getByRole('button', { name, exact: true });
  for (const [name, mode] of [['Monitor', 'monitor'], ['Whisper', 'whisper'], ['Barge in', 'barge']]) {
    await until('it may be pressed', async () => (await button(name).getAttribute('aria-disabled')) === 'false');
    await button(name).click();
    await until(mode, async () => (await told()).at(-1)?.mode === mode);
    await until('it is pressed', async () => (await button(name).getAttribute('aria-pressed')) === 'true');
  }
  await look(page, 'the drawer while one supervises');
  await button('Leave the call').click();
  await until('none', async () => (await told()).at(-1).mode === 'none');
  await button('Leave the call').waitFor({ state: 'detached' });
  await button('Take over…').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Take the call over' }).click();
  await until('take over', async () => (await told()).at(-1).mode === 'take_over');
  assert.equal((await told()).at(-1).endpoint, 'sip:by3@127.0.0.1');
  await edge.say(talks[0], 'call.transferred', { to: { agent: 'usr_by_3' }, kind: 'attended' });
  await until('it is hers', async () => (await server.api('GET', `/calls/${calls[0]}`)).agent === 'usr_by_3');
  await page.goto(`${server.url}/calls/${calls[0]}`);
  await page.getByText('supervises: take over').waitFor();
  page.check();
  await page.context().close();
});

test('10: a switch that cannot is not asked, and the button says so', async () => {
  await server.api('PUT', '/switches/edge', { name: 'Edge', capabilities: { answers_for_agent: true, supervise: false } });
  const page = await open(server, '/live?agent=usr_target_1', { by: 'person', email: email(4) });
  await live(page);
  const button = page.getByRole('complementary').getByRole('button', { name: 'Barge in' });
  await until('off', async () => (await button.getAttribute('title')) === 'The switch edge cannot do it');
  assert.equal(await button.getAttribute('aria-disabled'), 'true');
  page.check();
  await page.context().close();
});
