// The page alone, against a feed of invented rows: what it costs at the rates of the budget. Memory and
// the document are asserted, time is only printed: it is the machine's.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { Server, launch, quit, sleep } from './help.mjs';

after(quit);

/** Stands in for the live socket: a worker makes the frames, so that making them costs the page nothing. */
function invent({ agents, perFrame }) {
  const work = `
    const D = ['talking', 'ringing', 'wrap_up', 'idle', 'break'], P = { talking: 'available', ringing: 'available', wrap_up: 'available', idle: 'available', break: 'busy' };
    let seq = 1, dice = 7;
    const roll = (n) => (dice = (dice * 1103515245 + 12345) % 2147483648) % n;
    const agent = (i) => { const d = D[roll(5)], at = new Date().toISOString(), queues = {};
      for (let k = 0; k < 3; k++) queues['queue-' + ((i + k * 7) % 20)] = { presence: P[d], detail: d, offerable: d === 'idle', blocked_by: d === 'idle' ? null : 'capacity', source: 'direct' };
      return { id: 'usr_' + i, name: 'Agent ' + i, status: 'ready', reason: null, next: null, forced_by: null, presence: P[d], offerable: d === 'idle', detail: d, since: at, calls: [], queues }; };
    const queue = (i) => ({ id: 'queue-' + i, kind: 'queue', waiting: roll(30), oldest_at: new Date(Date.now() - roll(90000)).toISOString(), ringing: roll(5), talking: roll(90), agents: { available: 150, opted_out: 9, busy: 30, offline: 20 }, offerable: roll(150), today: { offered: seq * 3, answered: seq * 2, abandoned: seq, short_abandoned: 0, exited: 0 } });
    const all = (n, f) => Array.from({ length: n }, (_, i) => f(i));
    const say = (frame) => postMessage(JSON.stringify(frame));
    onmessage = () => {
      say({ type: 'snapshot', epoch: 'e', seq, at: new Date().toISOString(), part: 1, parts: 1, queues: all(20, queue), agents: all(${agents}, agent), calls: [], alerts: [] });
      let next = 0;
      setInterval(() => { const prev = seq++; const some = all(${perFrame}, () => agent(next = (next + 1) % ${agents}));
        say({ type: 'delta', seq, prev, at: new Date().toISOString(), queues: all(20, queue), agents: some, calls: [], alerts: [], removed: { queues: [], agents: [], calls: [] } }); }, 100);
    };`;
  const Real = globalThis.WebSocket;
  globalThis.WebSocket = class {
    static OPEN = 1;
    constructor(url, protocol) {
      if (!url.endsWith('/live')) return new Real(url, protocol);
      this.readyState = 1;
      this.worker = new Worker(URL.createObjectURL(new Blob([work])));
      this.worker.onmessage = (e) => this.onmessage?.({ data: e.data });
      setTimeout(() => { this.onopen?.(); this.worker.postMessage(0); }, 0);
    }
    send() {}
    close() { this.worker?.terminate(); }
  };
}

for (const perFrame of [150, 5000]) {
  test(`15: the page alone, 5,000 agents, ${perFrame * 10} changes a second`, { timeout: 120_000 }, async () => {
    const server = await Server.start();
    try {
      const context = await (await launch()).newContext({ viewport: { width: 1600, height: 1000 }, bypassCSP: true }), page = await context.newPage(), wrong = [];
      page.on('console', (m) => { if (m.type() === 'error') wrong.push(m.text()); });
      page.on('pageerror', (e) => wrong.push(e.stack));
      await page.addInitScript((key) => sessionStorage.setItem('callboard.key', key), server.key);
      await page.addInitScript(invent, { agents: 5000, perFrame });
      const cdp = await context.newCDPSession(page);
      await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
      await page.goto(`${server.url}/live`);
      await page.getByText('5,000 shown').waitFor({ timeout: 30_000 });
      await sleep(3000);
      const metrics = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
      const meter = () => page.evaluate(async () => ({ ...(await import(document.querySelector('script[type=module]').src.replace('main.js', 'store/feed.js'))).meter }));
      const a = await metrics(), m = await meter(), began = Date.now();
      await sleep(Number(process.env.CALLBOARD_SPEED_S ?? 10) * 1000);
      const b = await metrics(), n = await meter(), s = (Date.now() - began) / 1000;
      await cdp.send('HeapProfiler.collectGarbage');
      const heap = (await metrics()).JSHeapUsedSize / 1048576, rows = await page.locator('.agents .row').count();
      console.log(`the page alone: ${Math.round((n.changes - m.changes) / s)} changes/s; main thread ${(((b.TaskDuration - a.TaskDuration) / s) * 100).toFixed(1)} % (script ${(((b.ScriptDuration - a.ScriptDuration) / s) * 100).toFixed(1)} %, layout and style ${(((b.LayoutDuration + b.RecalcStyleDuration - a.LayoutDuration - a.RecalcStyleDuration) / s) * 100).toFixed(1)} %); heap after GC ${heap.toFixed(1)} MB; ${b.Nodes} nodes; ${rows} rows; load ${loadavg()[0].toFixed(1)}`);
      assert.ok(rows <= 60 && b.Nodes <= 4000 && heap <= 12, `${rows} rows, ${b.Nodes} nodes, ${heap} MB`);
      assert.equal(n.gaps, 0);
      assert.deepEqual(wrong, []);
      await context.close();
    } finally { await server.stop(); }
  });
}
