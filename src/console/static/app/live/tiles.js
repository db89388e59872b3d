// @ts-check
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html, pure } from '../ui/html.js';
import { Flag, Icon, MEDIA_ICON, ToneBar } from '../ui/parts.js';
import { count, duration, ofMs, percent } from '../fmt.js';
import * as board from '../store/board.js';
import { nowSec } from '../store/clock.js';
import { table } from '../store/figures.js';
import { queueName, queues as configured } from '../store/directory.js';
import { levelOf } from './level.js';

const one = (/** @type {import('../wire').QueueRow['agents']} */ a) => [
  a.available,
  a.busy,
  a.opted_out,
  a.offline,
];

/**
 * @typedef {{
 *   id: string, row: import('../wire').QueueRow, now: number,
 *   figures: import('../store/figures.js').Figures | undefined, name: string, media: string,
 * }} TileProps
 */

/** Its row, its figures and the second are all that it draws from. */
const Tile = pure((/** @type {TileProps} */ { id, row, now, figures, name, media }) => {
  const l = levelOf(row, now);
  const dt = (/** @type {string} */ label, /** @type {string} */ value, /** @type {number} */ level = 0) =>
    html`<dt>${label}</dt><dd class=${level ? `v${level}` : ''}>${value}</dd>`;
  return html`
    <li class=${`tile f${l.level}`}>
      <a href=${`/live/queue/${id}`} title=${l.why || undefined}>
        <header>
          <${Icon} name=${row.kind === 'group' ? 'team' : (MEDIA_ICON[media] ?? 'phone')} size=${13} />
          <h3>${name}</h3>
          <${Flag} level=${l.level} />
        </header>
        <div class="big">
          <b>${count(row.waiting)}</b> <span>waiting</span>
          ${' '}
          <b class=${`w ${l.waitLevel ? `v${l.waitLevel}` : ''}`}>${duration(l.wait)}</b>
        </div>
        <dl>
          ${dt('SL', percent(l.share), l.shareLevel)}
          ${dt('ASA', ofMs(figures?.['asa_ms']))}
          ${dt('On', count(row.talking))}
          ${dt('Abn', count(row.today.abandoned))}
        </dl>
        <footer><${ToneBar} parts=${one(row.agents)} /><span>${count(row.offerable)} free</span></footer>
      </a>
    </li>
  `;
});

/** The worst first; they change places every five seconds at most, and not under the pointer. */
export function Tiles() {
  const order = useSignal(/** @type {readonly string[]} */ ([])),
    held = useSignal(false);
  const rank = () => {
    const now = nowSec.peek();
    const keyed = board.queueIds.peek().map((id) => {
      const q = /** @type {any} */ (board.queues.get(id)).peek();
      const l = levelOf(q, now);
      return { id, level: l.level, wait: l.wait, waiting: q.waiting, name: queueName(id) };
    });
    keyed.sort(
      (a, b) => b.level - a.level || b.wait - a.wait || b.waiting - a.waiting || (a.name < b.name ? -1 : 1),
    );
    const next = keyed.map((k) => k.id);
    if (next.join() !== order.peek().join()) order.value = next;
  };
  const ids = board.queueIds.value;
  useEffect(() => {
    rank();
    const timer = setInterval(() => {
      if (!held.peek()) rank();
    }, 5000);
    return () => clearInterval(timer);
  }, [ids]);
  const shown = order.value.filter((id) => board.queues.has(id)),
    now = nowSec.value;
  return html`
    <section class="panel queues" aria-labelledby="queues-h">
      <header class="panel-h">
        <h2 id="queues-h">Queues</h2>
        <span class="muted">${count(shown.length)} · worst first</span>
      </header>
      ${
        shown.length
          ? html`
              <ul
                class="tiles"
                onPointerEnter=${() => {
                  held.value = true;
                }}
                onPointerLeave=${() => {
                  held.value = false;
                }}
                onFocusIn=${() => {
                  held.value = true;
                }}
                onFocusOut=${() => {
                  held.value = false;
                }}
              >
                ${shown.map((id) => {
                  const row = board.queues.get(id)?.value;
                  return (
                    row &&
                    html`
                      <${Tile}
                        key=${id}
                        id=${id}
                        row=${row}
                        now=${row.oldest_at ? now : 0}
                        figures=${table(row.kind, '60m').value.get(id)}
                        name=${queueName(id)}
                        media=${configured.value.get(id)?.media ?? 'voice'}
                      />
                    `
                  );
                })}
              </ul>
            `
          : html`<p class="empty">No queues yet. <a class="link" href="/start">Make the first one</a></p>`
      }
    </section>
  `;
}
