// The link to the server: rows that hold still, a link that breaks, and a floor of five thousand.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Server, Switch, live, look, open, quit, row, sleep, until } from './help.mjs';

const BINARY = process.env.CALLBOARD_BIN ?? fileURLToPath(new URL('../../../target/debug/callboard', import.meta.url));
after(quit);

/** Calls for a server, for so long. */
function load(server, { agents, seconds, perSecond, queues = 20 }) {
  const child = spawn(BINARY, ['load', '--server', server.url, '--key', server.key, '--agents', String(agents), '--queues', String(queues), '--queues-per-agent', '3', '--dashboards', '0', '--calls-per-second', String(perSecond), '--for', `${seconds}s`, '--warm-up', '1s', '--floor-for', '0s', '--quiet'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (t) => { said += t; }); child.stderr.on('data', (t) => { said += t; });
  return { child, said: () => said, ended: new Promise((done) => child.once('exit', done)) };
}

test('6: the order holds while the pointer is among the rows, and is right soon after it leaves', async () => {
  const server = await Server.start();
  const crowd = load(server, { agents: 300, seconds: 25, perSecond: 60, queues: 5 });
  try {
    const page = await open(server, '/live');
    await live(page);
    await until('a floor at work', async () => (await page.evaluate(async () => (await import(document.querySelector('script[type=module]').src.replace('main.js', 'store/feed.js'))).meter.changes)) > 500, 40_000);
    const third = page.locator('.agents .row').nth(5), box = await third.boundingBox();
    await page.mouse.move(box.x + 220, box.y + 10);
    await sleep(200);
    const under = () => page.evaluate(([x, y]) => document.elementFromPoint(x, y)?.closest('.row')?.getAttribute('data-id'), [box.x + 220, box.y + 10]);
    const order = () => page.locator('.agents .row').evaluateAll((rows) => rows.map((r) => [Number(r.getAttribute('aria-rowindex')), r.getAttribute('data-id')]).sort((a, b) => a[0] - b[0]).map((r) => r[1]).join());
    const was = await under(), all = await order();
    assert.ok(was);
    for (let i = 0; i < 12; i++) { await sleep(250); assert.equal(await under(), was, 'the row under the pointer has moved'); }
    assert.match(await page.locator('.toolbar').textContent(), /held/);
    await page.mouse.move(box.x + 220, 20);
    await until('the list is sorted again', async () => (await order()) !== all, 1000 + 500);
    page.check();
    await page.context().close();
  } finally { crowd.child.kill(); await crowd.ended; await server.stop(); }
});

test('7: a link that drops is said, freezes the page, and comes back to exactly what is', async () => {
  const server = await Server.start(), edge = await Switch.make(server);
  try {
    await server.api('PUT', '/queues/support', { name: 'Support' });
    const agents = await server.agents(6, ['support']);
    for (const id of agents) await server.status(id, 'ready', { lease_ms: 600_000 });
    await edge.call('support');
    const page = await open(server, '/live', { bypassCSP: true });
    await live(page);
    await row(page, agents[0]).locator('.c-pick').click();
    await server.halt();
    await page.getByRole('alert').getByText('Connection lost.').waitFor();
    await page.locator('.app.lost').waitFor();
    const clocks = () => page.locator('.c-since').evaluateAll((c) => c.map((x) => x.textContent).join());
    await sleep(1500);
    const stood = await clocks();
    await sleep(3000);
    assert.equal(await clocks(), stood, 'the clocks stand still');
    assert.ok(await page.getByRole('button', { name: 'Available', exact: true }).isDisabled(), 'what would act is off');
    assert.match(await page.locator('main').evaluate((m) => getComputedStyle(m).filter), /grayscale/);
    await look(page, 'lost');
    await server.again();
    await page.getByRole('alert').waitFor({ state: 'detached', timeout: 15_000 });
    await live(page);
    await page.getByText(/^Caught up at/).waitFor();
    await until('the page is as the engine', async () => {
      const told = (await server.api('GET', '/agents?limit=100')).items.map((a) => `${a.user} ${a.presence} ${a.detail}`).sort().join();
      const shown = await page.evaluate(async () => {
        const at = document.querySelector('script[type=module]').src.replace('main.js', 'store/');
        const board = await import(`${at}board.js`), words = await import(`${at}words.js`);
        const found = [];
        for (let i = 0; i < board.size(); i++) { const a = board.agent(i); if (a.id) found.push(`${a.id} ${words.TONES[a.tone].presence} ${words.detailWord(a.detail) || null}`); }
        return found.sort().join();
      });
      return told === shown || [told, shown].join('\n') && false;
    });
    page.allow(/WebSocket|ERR_CONNECTION|Failed to fetch/);
    page.check();
    await page.context().close();
  } finally { await server.stop(); }
});

test('15: five thousand agents: within the budget, and no frame is missed', { timeout: 400_000 }, async () => {
  const seconds = Number(process.env.CALLBOARD_CROWD_S ?? 60), perSecond = Number(process.env.CALLBOARD_CROWD_CALLS ?? 160);
  const server = await Server.start();
  const crowd = load(server, { agents: 5000, seconds: seconds + 60, perSecond });
  try {
    await until('five thousand are ready', async () => {
      if (crowd.child.exitCode !== null) assert.fail(crowd.said());
      const { items } = await server.api('GET', '/calls?limit=1');
      return items.length > 0;
    }, 240_000);
    const page = await open(server, '/live');
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    await live(page);
    await page.getByText('5,000 shown').or(page.getByText('5,000 held')).or(page.getByText('5,001 shown')).waitFor({ timeout: 30_000 });
    const metrics = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
    const heap = async () => { await cdp.send('HeapProfiler.collectGarbage'); return (await metrics()).JSHeapUsedSize / 1048576; };
    const meter = () => page.evaluate(async () => ({ ...(await import(document.querySelector('script[type=module]').src.replace('main.js', 'store/feed.js'))).meter }));
    await sleep(4000);
    const before = await heap(), a = await metrics(), m = await meter(), began = Date.now();
    // Looking on for the first half, and using it for the second.
    await sleep((seconds * 1000) / 2);
    const half = await metrics(), m2 = await meter(), looked = (Date.now() - began) / 1000;
    const grid = page.getByRole('grid', { name: 'Agents' });
    while (Date.now() - began < seconds * 1000) {
      await grid.hover();
      await page.mouse.wheel(0, 1500);
      await sleep(300);
      await page.getByRole('button', { name: /^Ready/ }).click();
      await sleep(500);
    }
    if ((await page.getByRole('button', { name: /^Ready/ }).getAttribute('aria-pressed')) === 'true') await page.getByRole('button', { name: /^Ready/ }).click();
    const b = await metrics(), all = (Date.now() - began) / 1000, n = await meter(), after = await heap(), nodes = (await metrics()).Nodes;
    const rows = await page.locator('.agents .row').count(), share = (x, y, s) => `${(((y.TaskDuration - x.TaskDuration) / s) * 100).toFixed(1)} %`;
    console.log(`5,000 agents: ${Math.round((m2.changes - m.changes) / looked)} changes of agents/s; main thread ${share(a, half, looked)} looking on, ${share(half, b, all - looked)} while scrolling and filtering; heap after GC ${before.toFixed(1)} → ${after.toFixed(1)} MB; ${nodes} nodes; ${rows} rows; load ${loadavg()[0].toFixed(1)}`);
    assert.ok(rows <= 60, `${rows} rows`);
    assert.ok(nodes <= 4000, `${nodes} nodes`);
    assert.ok(after <= 12, `${after} MB of heap`);
    assert.ok(after - before < 5, `the heap has grown from ${before} to ${after} MB`);
    assert.equal(n.gaps, 0, 'a sequence number was missed');
    assert.ok(n.changes > m.changes);
    page.check();
    await page.context().close();
  } finally { crowd.child.kill(); await crowd.ended; await server.stop(); }
});
