// @ts-check
// The wallboard: few figures, large enough to be read across the floor, each with its target.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Flag, Icon } from '../ui/parts.js';
import { count, duration, goal, percent, time, zoneName } from '../fmt.js';
import * as board from '../store/board.js';
import { queueName } from '../store/directory.js';
import { asOf, link, nowSec, second } from '../store/clock.js';
import { limits } from '../store/prefs.js';
import { route, say } from '../route.js';
import { openDialog } from '../ui/dialog.js';
import { askSave } from '../live/editview.js';
import { levelOf } from '../live/level.js';

const AT_ONCE = 6,
  TURN_MS = 20_000;
const WORD = ['', 'Watch', 'Act now'];

/** @param {{ id: string }} p */
function WallTile({ id }) {
  const row = board.queues.get(id)?.value;
  if (!row) return null;
  const l = levelOf(row, nowSec.value),
    { actS, share } = limits.value;
  return html`
    <li class=${`wall-tile f${l.level}`}>
      <header>
        <h2>${queueName(id)}</h2>
        ${l.level > 0 && html`<span class="wall-word"><${Flag} level=${l.level} />${WORD[l.level]}</span>`}
      </header>
      <p class="wall-big"><b>${count(row.waiting)}</b><span>waiting</span></p>
      <dl>
        <div><dt>Longest, at most ${duration(actS)}</dt><dd>${duration(l.wait)}</dd></div>
        <div><dt>Service level, at least ${goal(share)}</dt><dd>${percent(l.share)}</dd></div>
        <div><dt>Free agents</dt><dd>${count(row.offerable)}</dd></div>
      </dl>
    </li>
  `;
}

/** Which queues are shown; none named are all. */
const named = () => (route.value.query.get('queues') ?? '').split(',').filter(Boolean);
const allQueues = () => board.queueIds.value.filter((id) => board.queues.get(id)?.peek().kind === 'queue');

function Chosen() {
  const chosen = new Set(named()),
    all = allQueues();
  const set = (/** @type {string} */ id, /** @type {boolean} */ on) => {
    const next = new Set(chosen.size ? chosen : all);
    if (on) next.add(id);
    else next.delete(id);
    say({ queues: next.size === all.length ? '' : all.filter((q) => next.has(q)).join(',') });
  };
  return html`
    <fieldset class="columns">
      <legend class="vh">Queues</legend>
      ${all.map(
        (id) => html`
          <label class="check-l" key=${id}>
            <input
              type="checkbox"
              checked=${!chosen.size || chosen.has(id)}
              onChange=${(/** @type {any} */ e) => set(id, e.currentTarget.checked)}
            />
            ${` ${queueName(id)}`}
          </label>
        `,
      )}
    </fieldset>
  `;
}

export function Wall() {
  const page = useSignal(0),
    wanted = named();
  const ids = (wanted.length ? wanted : allQueues()).filter((id) => board.queues.has(id));
  const pages = Math.max(1, Math.ceil(ids.length / AT_ONCE));
  useEffect(() => {
    document.title = 'Wallboard · Callboard';
    const timer = setInterval(() => {
      page.value = page.peek() + 1;
    }, TURN_MS);
    /** @type {any} */ let lock = null;
    const wake = async () => {
      if (!document.hidden)
        lock = await /** @type {any} */ (navigator).wakeLock?.request('screen').catch(() => null);
    };
    wake();
    document.addEventListener('visibilitychange', wake);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', wake);
      lock?.release?.();
    };
  }, []);
  const at = page.value % pages,
    shown = ids.slice(at * AT_ONCE, at * AT_ONCE + AT_ONCE);
  const full = () =>
    document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  return html`
    <main class=${`wall ${link.value}`} tabindex="-1">
      <h1 class="vh">Wallboard</h1>
      ${
        board.whole.value
          ? html`
              <ul class=${`wall-tiles n${Math.min(shown.length, 6)}`}>
                ${shown.map((id) => html`<${WallTile} key=${id} id=${id} />`)}
              </ul>
            `
          : html`<p class="empty">Connecting…</p>`
      }
      <footer>
        <span class="num">${time(second.value * 1000)}</span> <span>${zoneName()}</span>
        <span class=${`fresh ${link.value}`}>
          <i></i>
          ${
            link.value === 'lost'
              ? 'Not live'
              : link.value === 'late'
                ? 'Late'
                : link.value === 'live'
                  ? 'Live'
                  : 'Connecting'
          }
          ${' '}
          <span>as of <time>${asOf.value ? time(asOf.value) : '–'}</time></span>
        </span>
        ${pages > 1 && html`<span>Page ${at + 1} of ${pages}</span>`}
        <span class="grow"></span>
        <button
          type="button"
          class="btn"
          onClick=${() => openDialog({ title: 'Queues on the wallboard', body: () => html`<${Chosen} />` })}
        >
          Queues…
        </button>
        <button type="button" class="btn" onClick=${askSave}>Save this view…</button>
        <a class="btn" href="/live">Back to Live</a>
        <button type="button" class="btn" onClick=${full}>
          <${Icon} name="full" size=${14} />Full screen
        </button>
      </footer>
    </main>
  `;
}
