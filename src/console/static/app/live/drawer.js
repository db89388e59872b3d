// @ts-check
// One agent, over the right edge; the floor stays live behind it.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Avatar, Icon, Mark, Stars, Status, Switch } from '../ui/parts.js';
import { Menu, confirm, openDialog } from '../ui/dialog.js';
import { count, duration, masked, ofMs, percent, time } from '../fmt.js';
import { BLOCKED, ROLES, toneAt } from '../store/words.js';
import * as board from '../store/board.js';
import * as directory from '../store/directory.js';
import { link, nowSec } from '../store/clock.js';
import { formula, table } from '../store/figures.js';
import { teamNames } from '../store/agents.js';
import { api, may } from '../session.js';
import * as actions from '../actions.js';
import { askNotify, logOut, unavailableItems } from './bulk.js';
import { Supervise } from './supervise.js';
import { Timeline } from './timeline.js';
import { closeAgent, openId } from './view.js';

/** @type {Record<string, string>} */
const STATUS = {
  offline: 'logged out',
  online: 'logged in, not ready',
  ready: 'ready',
  on_break: 'on a break',
};

/**
 * Stars by queue, as the server has them; null while they are read.
 * @param {string} id
 * @param {string} queues the ids, joined
 */
function useStars(id, queues) {
  const stars = useSignal(/** @type {Record<string, number> | null} */ (null));
  const read = async () => {
    /** @type {Record<string, number>} */ const found = {};
    await Promise.all(
      queues
        .split(',')
        .filter(Boolean)
        .map(async (q) => {
          const member = await api('GET', `/${actions.family(q)}/${q}/members/${id}`).catch(() => null);
          if (member) found[q] = member.stars ?? 1;
        }),
    );
    stars.value = found;
  };
  useEffect(() => {
    stars.value = null;
    read();
  }, [id, queues]);
  return { stars: stars.value, read };
}

/** @param {{ id: string, close: () => void }} p */
function AddQueue({ id, close }) {
  const queue = useSignal(''),
    stars = useSignal(1);
  const has = new Set(board.agent(board.slotOf(id)).pairs.map((p) => p.queue));
  const rest = [...directory.queues.value.values()]
    .filter((q) => !has.has(q.id))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        actions.putStars([id], queue.value, stars.value);
      }}
    >
      <label class="field-l">
        <span>Queue</span>
        <select
          required
          value=${queue.value}
          onChange=${(/** @type {any} */ e) => {
            queue.value = e.currentTarget.value;
          }}
        >
          <option value="">Choose a queue</option>
          ${rest.map((q) => html`<option key=${q.id} value=${q.id}>${q.name}</option>`)}
        </select>
      </label>
      <div class="field-l">
        <span>Stars</span>
        <${Stars}
          n=${stars.value}
          onSet=${(/** @type {number} */ n) => {
            stars.value = n;
          }}
          of="the queue"
        />
      </div>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!queue.value}>Add to the queue</button>
      </footer>
    </form>
  `;
}

/** @param {{ id: string, name: string }} p */
function OnCall({ id, name }) {
  board.callsChanged.value;
  const mine = [...board.calls.values()].filter(
    (c) => c.agent === id || c.offers.some((o) => o.agent === id),
  );
  if (!mine.length) return null;
  return html`
    <h3>Now</h3>
    <ul class="calls-now">
      ${mine.map(
        (c) => html`
          <li key=${c.id}>
            <${Icon} name=${c.state === 'connected' ? 'phone' : 'bell'} size=${14} />
            <span>
              <b>${c.queue ? directory.queueName(c.queue) : 'Direct'}</b>
              ${' '}
              ${c.state === 'connected' ? 'with' : 'rings for'} <span class="num">${masked(c.from)}</span>
            </span>
            <a class="link" href=${`/calls/${c.id}`}>Story</a>
            ${
              c.state === 'connected' &&
              html`<${Supervise} agent=${id} name=${name} call=${c} lost=${link.value === 'lost'} />`
            }
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ id: string, stars: ReturnType<typeof useStars>, off: boolean }} p */
function Queues({ id, stars, off }) {
  const pairs = board.agent(board.slotOf(id)).pairs,
    name = directory.userName(id);
  const edit = may('queues') && link.value !== 'lost';
  return html`
    <div class="h-row">
      <h3>Queues</h3>
      ${
        edit &&
        html`
          <button
            type="button"
            class="btn small"
            onClick=${() =>
              openDialog({
                title: `Add ${name} to a queue`,
                body: (close) => html`<${AddQueue} id=${id} close=${close} />`,
              })}
          >
            <${Icon} name="plus" size=${12} />Add queue
          </button>
        `
      }
    </div>
    ${
      pairs.length
        ? html`
            <table class="pairs">
              <thead>
                <tr>
                  <th scope="col">Queue</th>
                  <th scope="col">Stars</th>
                  <th scope="col">Opted in</th>
                  <th scope="col"><span class="vh">Remove</span></th>
                </tr>
              </thead>
              <tbody>
                ${pairs.map((p) => {
                  const q = directory.queueName(p.queue),
                    isIn = p.tone !== 2 || p.blocked === 'not_ready';
                  return html`
                    <tr key=${p.queue}>
                      <td>
                        <span class="status">
                          <${Mark} tone=${toneAt(p.tone)} solid=${!p.offerable} />
                          ${q}
                        </span>
                        ${p.team && html`${' '}<span class="tag" title="Through a team">team</span>`}
                        ${p.blocked && p.tone !== 3 && html`<small>${BLOCKED[p.blocked]}</small>`}
                      </td>
                      <td>
                        ${
                          stars.stars === null
                            ? '…'
                            : html`
                                <${Stars}
                                  n=${stars.stars[p.queue] ?? 1}
                                  of=${q}
                                  ...${edit && !p.team
                                    ? {
                                        onSet: async (/** @type {number} */ n) => {
                                          await actions.putStars([id], p.queue, n);
                                          await stars.read();
                                        },
                                      }
                                    : {}}
                                />
                              `
                        }
                      </td>
                      <td>
                        <${Switch}
                          on=${isIn}
                          label=${`Opted in to ${q}`}
                          disabled=${off}
                          onSet=${(/** @type {boolean} */ on) => actions.opt([id], on, p.queue)}
                        />
                      </td>
                      <td>
                        ${
                          edit &&
                          !p.team &&
                          html`
                            <button
                              type="button"
                              class="iconb small"
                              aria-label=${`Remove from ${q}`}
                              onClick=${() =>
                                confirm({
                                  title: `Remove ${name} from ${q}?`,
                                  text:
                                    `${name} is offered no more calls of ${q}. ` +
                                    `Stars there are forgotten.`,
                                  verb: `Remove from ${q}`,
                                  onYes: () => actions.removeMember(id, p.queue),
                                })}
                            >
                              <${Icon} name="close" size=${12} />
                            </button>
                          `
                        }
                      </td>
                    </tr>
                  `;
                })}
              </tbody>
            </table>
          `
        : html`<p class="muted">Works for no queue.</p>`
    }
  `;
}

/** @param {{ id: string }} p */
function Day({ id }) {
  const f = table('agent', 'today').value.get(id);
  const row = (/** @type {string} */ label, /** @type {string} */ value, /** @type {string} */ name) =>
    html`<div title=${formula(name)}><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`
    <h3>Today</h3>
    <dl class="stats">
      ${row('Handled', count(f?.['handled']), 'handled')}
      ${row('AHT', ofMs(f?.['aht_ms']), 'aht_ms')}
      ${row('Wrap-up', ofMs(f?.['acw_ms']), 'acw_ms')}
      ${row('Occupancy', percent(f?.['occupancy']), 'occupancy')}
      ${row('Missed', count(f?.['missed']), 'missed')}
      ${row('Refused', count(f?.['refused']), 'refused')}
      ${row('Logged in', ofMs(f?.['logged_in_ms']), 'logged_in_ms')}
      ${row('Breaks', ofMs(f?.['time_break_ms']), 'time_break_ms')}
      ${row('Talk', ofMs(f?.['talk_ms']), 'talk_ms')}
    </dl>
  `;
}

export function Drawer() {
  const id = openId.value;
  return id ? html`<${Open} key=${id} id=${id} />` : null;
}

/** @param {{ id: string }} p */
function Open({ id }) {
  board.changed.value;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const slot = board.slotOf(id),
    a = board.agent(slot),
    about = directory.users.value.get(id);
  const stars = useStars(
    id,
    slot < 0
      ? ''
      : a.pairs
          .map((p) => p.queue)
          .sort()
          .join(),
  );
  useEffect(() => {
    box.current?.focus({ preventScroll: true });
  }, []);
  const lost = link.value === 'lost',
    off = lost || !may('steer'),
    why = lost ? 'Not while the connection is lost' : off ? 'Your role may not steer agents' : undefined;
  const name = slot < 0 ? directory.userName(id) : a.name;
  const skills = Object.entries(about?.skills ?? {});
  return html`
    <aside
      class="drawer"
      ref=${box}
      tabindex="-1"
      aria-label=${`Agent ${name}`}
      onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key === 'Escape') {
          closeAgent();
          e.stopPropagation();
        }
      }}
    >
      <header class="drawer-h">
        <div class="who">
          <${Avatar} name=${name} tone=${toneAt(a.tone)} />
          <div>
            <h2>${name}</h2>
            <p class="muted">
              ${[
                about?.extension && `Ext ${about.extension}`,
                about && (ROLES[about.role] ?? about.role),
                teamNames(id),
              ]
                .filter(Boolean)
                .join(' · ')}
            </p>
          </div>
        </div>
        <button type="button" class="iconb" aria-label="Close the drawer" onClick=${closeAgent}>
          <${Icon} name="close" />
        </button>
      </header>
      ${
        slot < 0
          ? html`
              <p class="empty">
                ${link.value === 'connecting' ? 'Reading…' : 'This agent is not on the floor that you see.'}
              </p>
            `
          : html`
              <div class="now">
                <${Status} tone=${a.tone} detail=${a.detail} offerable=${a.offerable} reason=${a.reason} />
                <b class="num">${duration(nowSec.value - a.since / 1000)}</b>
                <span class="muted">since ${time(a.since)}</span>
              </div>
              ${
                a.next &&
                html`
                  <p class="note-line">
                    <${Icon} name="clock" size=${14} />Pending: ${STATUS[a.next]}, after the present
                    work.${' '}
                    <button type="button" class="link" disabled=${off} onClick=${() => actions.letGo(id)}>
                      Undo
                    </button>
                  </p>
                `
              }
              ${
                a.forced &&
                html`
                  <p class="note-line">
                    <${Icon} name="user" size=${14} />
                    ${STATUS[a.status]}, forced by ${directory.userName(a.forced)}.${' '}
                    <button type="button" class="link" disabled=${off} onClick=${() => actions.letGo(id)}>
                      Let go
                    </button>
                  </p>
                `
              }
              <div class="btns">
                <button
                  type="button"
                  class="btn"
                  disabled=${off}
                  title=${why}
                  onClick=${() => actions.force([id], 'ready')}
                >
                  <${Mark} tone="green" solid=${false} />Make available
                </button>
                <${Menu}
                  disabled=${off}
                  title=${why}
                  aria="Make unavailable"
                  label=${html`<${Mark} tone="red" />Make unavailable<${Icon} name="chevron" size=${12} />`}
                  items=${unavailableItems([id])}
                />
                <button type="button" class="btn" disabled=${off} title=${why} onClick=${() => logOut([id])}>
                  <${Mark} tone="gray" />Log out
                </button>
                <button
                  type="button"
                  class="btn"
                  disabled=${off}
                  title=${why}
                  onClick=${() => askNotify([id])}
                >
                  <${Icon} name="bell" size=${14} />Notify
                </button>
              </div>
              <${OnCall} id=${id} name=${name} />
              <${Queues} id=${id} stars=${stars} off=${off} />
              ${
                skills.length > 0 &&
                html`
                  <h3>Skills</h3>
                  <p class="skills">
                    ${skills.map(
                      ([s, level]) =>
                        html`
                          <span class="qchip" key=${s}>
                            ${directory.skills.value.get(s) ?? s}
                            ${level !== null && html`${' '}<b>${level}</b>`}
                          </span>
                        `,
                    )}
                  </p>
                `
              }
              <${Timeline} id=${id} />
              <${Day} id=${id} />
            `
      }
    </aside>
  `;
}
