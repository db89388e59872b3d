// @ts-check
// What is out of bounds now: queues over a limit, and agents too long in a state.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Flag } from '../ui/parts.js';
import { duration, plural } from '../fmt.js';
import * as board from '../store/board.js';
import { nowSec } from '../store/clock.js';
import { queueName } from '../store/directory.js';
import { overAfter, stateOf } from '../store/words.js';
import { levelOf } from './level.js';
import { openAgent } from './view.js';

/**
 * @typedef {{ key: string, level: number, who: string, what: string, href?: string, agent?: string }}
 *   Exception
 */

/** @param {number} now @returns {Exception[]} */
function exceptions(now) {
  /** @type {Exception[]} */ const found = [];
  for (const id of board.queueIds.peek()) {
    const row = board.queues.get(id)?.peek();
    if (!row) continue;
    const l = levelOf(row, now);
    // An alert is told beside this list.
    if (l.level && !l.alerted)
      found.push({
        key: `q ${id}`,
        level: l.level,
        who: queueName(id),
        what: l.why,
        href: `/live/queue/${id}`,
      });
  }
  /** @type {(Exception & { secs: number })[]} */ const long = [];
  for (let i = 0, n = board.size(); i < n; i++) {
    const id = board.idAt(i),
      secs = now - board.sinceOf(i) / 1000;
    if (!id || secs <= overAfter(board.toneOf(i), board.detailOf(i))) continue;
    const a = board.agent(i),
      s = stateOf(a.tone, a.detail, a.offerable, a.reason);
    long.push({
      key: `a ${id}`,
      level: secs > 2 * s.over ? 2 : 1,
      who: a.name,
      what: `${s.label} for ${duration(secs)}, limit ${duration(s.over)}`,
      agent: id,
      secs,
    });
  }
  long.sort((a, b) => b.level - a.level || b.secs - a.secs);
  return [...found.sort((a, b) => b.level - a.level), ...long.slice(0, 30)];
}

export function Worst() {
  const list = useSignal(/** @type {Exception[]} */ ([]));
  useEffect(() => {
    const look = () => {
      const next = exceptions(nowSec.peek());
      list.value = next;
    };
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, []);
  const all = list.value;
  return html`
    <section class="panel worst" aria-labelledby="worst-h">
      <header class="panel-h">
        <h2 id="worst-h">Out of bounds</h2>
        <span class="muted">${all.length ? plural(all.length, 'thing') : ''}</span>
      </header>
      ${
        all.length
          ? html`
              <ul tabindex="0" aria-label="Out of bounds">
                ${all.map(
                  (e) =>
                    html`
                      <li key=${e.key} class=${`f${e.level}`}>
                        <${Flag} level=${e.level} />
                        ${
                          e.agent
                            ? html`
                                <button type="button" class="link" onClick=${() => openAgent(e.agent ?? '')}>
                                  ${e.who}
                                </button>
                              `
                            : html`<a class="link" href=${e.href}>${e.who}</a>`
                        }
                        <span class="num">${e.what}</span>
                      </li>
                    `,
                )}
              </ul>
            `
          : html`<p class="empty small">All queues and agents are within their limits.</p>`
      }
    </section>
  `;
}
