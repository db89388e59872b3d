// @ts-check
// The agent's desk: status, what rings, what is on the line, wrap-up; all of it by keyboard, too.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Icon, Mark, Status, Switch } from '../ui/parts.js';
import { Menu, isDialogOpen, openDialog } from '../ui/dialog.js';
import { announce, toast } from '../ui/toast.js';
import { play } from '../ui/sound.js';
import { count, duration, ofMs, percent, time } from '../fmt.js';
import { DETAIL_AT, TONE_AT } from '../store/words.js';
import * as board from '../store/board.js';
import * as directory from '../store/directory.js';
import { nowSec, second, serverNow } from '../store/clock.js';
import { formula, table } from '../store/figures.js';
import { may, me } from '../session.js';
import { act, calls, closeDesk, desk, deskLink, known, openDesk } from '../store/desk.js';

/** Does it, and says so when it could not be. @param {Record<string, unknown>} frame */
async function tell(frame) {
  try {
    await act(frame);
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: 'failed' });
    return false;
  }
}
const callsBy = (/** @type {string} */ id) => known.value.get(id);

/** @type {Record<string, string>} */
const NEXT = { offline: 'logged out', online: 'not ready', ready: 'ready', on_break: 'on a break' };

function StatusBar() {
  const a = /** @type {NonNullable<typeof desk.value>} */ (desk.value).agent;
  const working = a.calls.length + a.wrap_ups.length > 0,
    when = working ? { when: 'after_work' } : {};
  const set = (/** @type {string} */ status, reason = '') =>
    tell({ status: { status, ...(reason ? { reason } : {}), ...(status === 'ready' ? {} : when) } });
  const button = (/** @type {string} */ status, /** @type {string} */ label, /** @type {any} */ mark) =>
    html`
      <button type="button" class="btn tall" aria-pressed=${a.status === status} onClick=${() => set(status)}>
        ${mark}
        ${label}
      </button>
    `;
  const reasons = directory.breaks.value;
  const says =
    a.detail === 'break' && a.reason
      ? (directory.breaks.value.find((b) => b.id === a.reason)?.name ?? a.reason)
      : '';
  return html`
    <section class="panel desk-status" aria-labelledby="st-h">
      <h2 id="st-h" class="vh">Status</h2>
      <div class="desk-now">
        <${Status}
          tone=${TONE_AT[a.presence] ?? 3}
          detail=${DETAIL_AT[a.detail ?? ''] ?? 0}
          offerable=${a.offerable}
          reason=${says}
        />
        <b class="num">${duration(nowSec.value - Date.parse(a.since) / 1000)}</b>
        ${
          a.next &&
          html`
            <span class="tag wait">
              ${a.next.forced_by ? `${directory.userName(a.next.forced_by)} has set: ` : 'then '}
              ${NEXT[a.next.status]}
            </span>
          `
        }
        ${
          a.forced_by &&
          html`<span class="tag wait">${NEXT[a.status]}, set by ${directory.userName(a.forced_by)}</span>`
        }
      </div>
      <div class="btns" role="group" aria-label="Choose a status">
        ${button('ready', 'Available', html`<${Mark} tone="green" solid=${false} />`)}
        ${button('online', 'Not ready', html`<${Mark} tone="orange" />`)}
        ${
          reasons.length
            ? html`
                <${Menu}
                  class=${`btn tall ${a.status === 'on_break' ? 'on' : ''}`}
                  aria="Break"
                  label=${html`
                    <${Mark} tone="red" solid=${false} />Break<${Icon} name="chevron" size=${12} />
                  `}
                  items=${reasons.map((b) => ({ label: b.name, onPick: () => set('on_break', b.id) }))}
                />
              `
            : button('on_break', 'Break', html`<${Mark} tone="red" solid=${false} />`)
        }
        ${button('offline', 'Log out', html`<${Mark} tone="gray" />`)}
      </div>
    </section>
  `;
}

/** @param {{ offer: import('../wire').DeskOffer }} p */
function Offer({ offer }) {
  const box = useRef(/** @type {HTMLButtonElement | null} */ (null)),
    busy = useSignal(false);
  useEffect(() => {
    // Whoever is typing is not interrupted: the offer is said, and stands in sight.
    const typing =
      document.activeElement instanceof HTMLElement &&
      document.activeElement.matches('input, textarea, select');
    if (!typing) box.current?.focus();
    announce(`${directory.queueName(offer.queue)}: call from ${offer.from ?? 'a withheld number'}`);
    play('ring');
    const timer = setInterval(() => play('ring'), 3000);
    if (document.hidden && 'Notification' in window && Notification.permission === 'granted')
      new Notification(`${directory.queueName(offer.queue)}: call from ${offer.from ?? 'a withheld number'}`);
    return () => clearInterval(timer);
  }, []);
  second.value;
  const now = serverNow(),
    from = Date.parse(offer.since),
    until = Date.parse(offer.until),
    left = Math.max(0, until - now),
    all = Math.max(1, until - from);
  const asked = useSignal(false);
  const answer = async (/** @type {Record<string, unknown>} */ frame) => {
    busy.value = true;
    asked.value = (await tell(frame)) && 'accept' in frame && !offer.at_desk;
    busy.value = false;
  };
  return html`
    <section class="panel offer" aria-label="Incoming call">
      <div class="offer-what">
        <span class="pulse" aria-hidden="true"><${Icon} name="phone" size=${22} /></span>
        <div>
          <h2>${directory.queueName(offer.queue)}${offer.callback ? ': callback' : ''}</h2>
          <p class="offer-from num">${offer.from ?? 'withheld'}</p>
          ${
            offer.attributes &&
            html`
              <dl class="attrs">
                ${Object.entries(offer.attributes).map(
                  ([k, v]) => html`<div key=${k}><dt>${k}</dt><dd>${v}</dd></div>`,
                )}
              </dl>
            `
          }
        </div>
      </div>
      <div class="offer-do">
        <button
          type="button"
          class="btn primary tall"
          ref=${box}
          disabled=${busy.value}
          onClick=${() => answer({ accept: offer.offer })}
        >
          Accept<kbd aria-hidden="true">Enter</kbd>
        </button>
        <button
          type="button"
          class="btn danger tall"
          disabled=${busy.value}
          onClick=${() => answer({ refuse: offer.offer })}
        >
          Refuse<kbd aria-hidden="true">Esc</kbd>
        </button>
        <span class="num muted">rings ${duration((now - from) / 1000)} of ${duration(all / 1000)}</span>
        <i class="left" aria-hidden="true"><i style=${{ width: `${(left / all) * 100}%` }}></i></i>
      </div>
      ${
        !offer.at_desk &&
        html`
          <p class="muted" role="status">
            ${asked.value ? 'Your phone is told to answer.' : 'It rings at your phone, too.'}
          </p>
        `
      }
    </section>
  `;
}

/** @param {{ call: import('../wire').CallView, close: () => void }} p */
function TransferForm({ call, close }) {
  const kind = useSignal('queue'),
    to = useSignal('');
  const lists = {
    queue: [...directory.queues.value.values()].filter((q) => q.kind === 'queue'),
    group: [...directory.queues.value.values()].filter((q) => q.kind === 'group'),
    agent: [...directory.users.value.values()].filter((u) => u.id !== me.value?.user && u.state === 'active'),
  };
  const list = /** @type {Record<string, { id: string, name: string }[]>} */ (lists)[kind.value];
  const send = async () => {
    close();
    await tell({ transfer: { call: call.id, to: { [kind.value]: to.value.trim() }, kind: 'blind' } });
  };
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        send();
      }}
    >
      <label class="field-l">
        <span>Where to</span>
        <select
          value=${kind.value}
          onChange=${(/** @type {any} */ e) => {
            kind.value = e.currentTarget.value;
            to.value = '';
          }}
        >
          <option value="queue">A queue</option>
          ${lists.group.length > 0 && html`<option value="group">A group</option>`}
          ${lists.agent.length > 0 && html`<option value="agent">A colleague</option>`}
          <option value="extension">An extension</option>
          <option value="number">A number</option>
        </select>
      </label>
      <label class="field-l">
        <span>${list ? 'Which' : kind.value === 'number' ? 'Number' : 'Extension'}</span>
        ${
          list
            ? html`
                <select
                  required
                  value=${to.value}
                  onChange=${(/** @type {any} */ e) => {
                    to.value = e.currentTarget.value;
                  }}
                >
                  <option value="">Choose</option>
                  ${list
                    .sort((a, b) => (a.name < b.name ? -1 : 1))
                    .map((q) => html`<option key=${q.id} value=${q.id}>${q.name}</option>`)}
                </select>
              `
            : html`
                <input
                  required
                  inputmode="tel"
                  value=${to.value}
                  onInput=${(/** @type {any} */ e) => {
                    to.value = e.currentTarget.value;
                  }}
                />
              `
        }
      </label>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!to.value.trim()}>Transfer the call</button>
      </footer>
    </form>
  `;
}

/** @param {{ call: import('../wire').CallView }} p */
function OnCall({ call }) {
  const since = Math.max(
    ...call.offers
      .filter((o) => o.outcome === 'answered' && o.closed_at)
      .map((o) => Date.parse(o.closed_at ?? '')),
    Date.parse(call.arrived_at),
  );
  return html`
    <section class="panel desk-call" aria-labelledby=${`c-${call.id}`}>
      <header class="panel-h">
        <h2 id=${`c-${call.id}`}>
          ${call.held ? 'On hold' : 'On call'}
          ${' '}
          <span class="num">${duration(nowSec.value - since / 1000)}</span>
        </h2>
        <span class="muted">${directory.queueName(call.queue ?? null)}</span>
        <span class="grow"></span>
        <div class="btns">
          <button
            type="button"
            class="btn"
            onClick=${() => tell(call.held ? { resume: call.id } : { hold: call.id })}
          >
            <${Icon} name=${call.held ? 'phone' : 'pause'} size=${14} />
            ${call.held ? 'Resume' : 'Hold'}
            <kbd aria-hidden="true">h</kbd>
          </button>
          <button
            type="button"
            class="btn"
            onClick=${() =>
              openDialog({
                title: 'Transfer',
                body: (close) => html`<${TransferForm} call=${call} close=${close} />`,
              })}
          >
            <${Icon} name="move" size=${14} />Transfer<kbd aria-hidden="true">x</kbd>
          </button>
          <button type="button" class="btn danger" onClick=${() => tell({ end: call.id })}>
            <${Icon} name="end" size=${14} />End
          </button>
        </div>
      </header>
      <dl class="facts">
        <div><dt>Caller</dt><dd>${call.from ?? 'withheld'}</dd></div>
        <div><dt>Called</dt><dd>${call.to ?? '–'}</dd></div>
        <div><dt>Arrived</dt><dd>${time(Date.parse(call.arrived_at))}</dd></div>
        ${call.recording && html`<div><dt>Recording</dt><dd>on</dd></div>`}
        ${Object.entries(call.attributes ?? {}).map(
          ([k, v]) => html`<div key=${k}><dt>${k}</dt><dd>${v}</dd></div>`,
        )}
      </dl>
    </section>
  `;
}

/** @param {{ wrap: import('../store/desk.js').WrapUp }} p */
function WrapUp({ wrap }) {
  const said = useSignal(''),
    select = useRef(/** @type {HTMLSelectElement | null} */ (null)),
    must = wrap.dispositions.length > 0;
  useEffect(() => {
    if (!document.querySelector('.offer')) select.current?.focus();
  }, []);
  second.value;
  const left = Math.max(0, (Date.parse(wrap.until) - serverNow()) / 1000),
    call = callsBy(wrap.call);
  const done = async (/** @type {boolean} */ thenBreak) => {
    if (must && !said.value) {
      toast('Choose a disposition first.', { kind: 'failed' });
      select.current?.focus();
      return;
    }
    if (
      thenBreak &&
      !(await tell({
        status: {
          status: 'on_break',
          when: 'after_work',
          ...(directory.breaks.value[0] ? { reason: directory.breaks.value[0].id } : {}),
        },
      }))
    )
      return;
    await tell({ wrap_up_end: said.value ? { call: wrap.call, disposition: said.value } : wrap.call });
  };
  return html`
    <section
      class="panel desk-wrap"
      aria-labelledby=${`w-${wrap.call}`}
      onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
        if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) {
          e.preventDefault();
          done(false);
        }
      }}
    >
      <header class="panel-h">
        <h2 id=${`w-${wrap.call}`}>Wrap-up</h2>
        <b class="num">${duration(left)} left</b>
        <span class="muted">
          ${directory.queueName(wrap.queue)}
          ${call ? ` · ${call.from ?? 'withheld'}` : ''}
        </span>
      </header>
      <div class="wrap-form">
        <label class="field-l">
          <span>Disposition${must ? ' (required)' : ''}</span>
          ${
            must
              ? html`
                  <select
                    ref=${select}
                    required
                    value=${said.value}
                    onChange=${(/** @type {any} */ e) => {
                      said.value = e.currentTarget.value;
                    }}
                  >
                    <option value="">Choose</option>
                    ${wrap.dispositions.map(
                      (d) =>
                        html`
                          <option key=${d} value=${d}>${directory.dispositions.value.get(d) ?? d}</option>
                        `,
                    )}
                  </select>
                `
              : html`
                  <input
                    ref=${select}
                    maxlength="100"
                    value=${said.value}
                    onInput=${(/** @type {any} */ e) => {
                      said.value = e.currentTarget.value;
                    }}
                  />
                `
          }
        </label>
        <div class="btns">
          <button type="button" class="btn primary tall" onClick=${() => done(false)}>
            Done, next call<kbd aria-hidden="true">Ctrl Enter</kbd>
          </button>
          <button type="button" class="btn tall" onClick=${() => done(true)}>Done, then break</button>
        </div>
      </div>
    </section>
  `;
}

function Queues() {
  const a = /** @type {NonNullable<typeof desk.value>} */ (desk.value).agent,
    mayOpt = directory.users.value.get(a.user)?.mayOpt !== false,
    now = nowSec.value;
  return html`
    <section class="panel" aria-labelledby="q-h">
      <header class="panel-h"><h2 id="q-h">My queues</h2></header>
      ${
        a.queues.length
          ? html`
              <table class="desk-q">
                <thead>
                  <tr>
                    <th scope="col">Queue</th>
                    <th scope="col" class="num">Waiting</th>
                    <th scope="col" class="num">Longest</th>
                    ${mayOpt && html`<th scope="col">Opted in</th>`}
                  </tr>
                </thead>
                <tbody>
                  ${a.queues.map((q) => {
                    const row = board.queues.get(q.queue)?.value,
                      name = directory.queueName(q.queue);
                    return html`
                      <tr key=${q.queue}>
                        <td>
                          <span class="status">
                            <${Mark}
                              tone=${['green', 'red', 'orange', 'gray'][TONE_AT[q.presence] ?? 3]}
                              solid=${!q.offerable}
                            />
                            ${name}
                          </span>
                        </td>
                        <td class="num">${row ? count(row.waiting) : '–'}</td>
                        <td class="num">
                          ${row?.oldest_at ? duration(now - Date.parse(row.oldest_at) / 1000) : '–'}
                        </td>
                        ${
                          mayOpt &&
                          html`
                            <td>
                              <${Switch}
                                on=${q.blocked_by !== 'opted_out' &&
                                (q.presence !== 'opted_out' || a.status === 'online')}
                                label=${`Opted in to ${name}`}
                                disabled=${a.status === 'offline'}
                                onSet=${(/** @type {boolean} */ on) =>
                                  tell({ opted_in: { queue: q.queue, opted_in: on } })}
                              />
                            </td>
                          `
                        }
                      </tr>
                    `;
                  })}
                </tbody>
              </table>
            `
          : html`<p class="empty small">You work for no queue yet.</p>`
      }
    </section>
  `;
}

function Day() {
  const f = table('agent', 'today').value.get(me.value?.user ?? '');
  const one = (/** @type {string} */ label, /** @type {string} */ value, /** @type {string} */ name) =>
    html`<div title=${formula(name)}><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`
    <section class="panel" aria-labelledby="d-h">
      <header class="panel-h"><h2 id="d-h">My day</h2></header>
      <dl class="stats in">
        ${one('Handled', count(f?.['handled']), 'handled')}
        ${one('AHT', ofMs(f?.['aht_ms']), 'aht_ms')}
        ${one('Wrap-up', ofMs(f?.['acw_ms']), 'acw_ms')}
        ${one('Occupancy', percent(f?.['occupancy']), 'occupancy')}
        ${one('Missed', count(f?.['missed']), 'missed')}
        ${one('Breaks', ofMs(f?.['time_break_ms']), 'time_break_ms')}
      </dl>
    </section>
  `;
}

function Messages() {
  const all = desk.value?.messages ?? [],
    last = useRef('');
  useEffect(() => {
    const newest = all.at(-1);
    if (newest && newest.id !== last.current) {
      last.current = newest.id;
      announce(`Message from ${directory.userName(newest.by)}: ${newest.text}`);
    }
  }, [all.length]);
  return all.map(
    (m) =>
      html`
        <div class="panel message" key=${m.id}>
          <${Icon} name="chat" />
          <p>
            <b>${directory.userName(m.by)}</b> <time class="muted">${time(Date.parse(m.at))}</time>
            <br />
            ${m.text}
          </p>
          <button type="button" class="btn" onClick=${() => tell({ read: m.id })}>Read</button>
        </div>
      `,
  );
}

/** @param {KeyboardEvent} e */
function onKey(e) {
  const state = desk.peek();
  if (!state || isDialogOpen() || e.defaultPrevented) return;
  const target = /** @type {HTMLElement} */ (e.target),
    typing = target.matches?.('input, textarea, select') || target.closest?.('[role=menu]');
  const offer = state.offers[0];
  if (
    offer &&
    !typing &&
    e.key === 'Enter' &&
    !(target instanceof HTMLButtonElement) &&
    !(target instanceof HTMLAnchorElement)
  ) {
    e.preventDefault();
    tell({ accept: offer.offer });
  }
  if (offer && !typing && e.key === 'Escape') {
    e.preventDefault();
    tell({ refuse: offer.offer });
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
  const call = calls.peek()[0];
  if (call && e.key === 'h') tell(call.held ? { resume: call.id } : { hold: call.id });
  if (call && e.key === 'x') {
    e.preventDefault();
    openDialog({ title: 'Transfer', body: (close) => html`<${TransferForm} call=${call} close=${close} />` });
  }
}

export function Desk() {
  useEffect(() => {
    openDesk();
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('keydown', onKey);
      closeDesk();
    };
  }, []);
  const state = desk.value;
  if (!me.value?.session)
    return html`<p class="empty">A desk is opened by a person who signs in, not by a key.</p>`;
  if (!state) return html`<p class="empty" role="status">Opening your desk…</p>`;
  const askNotes = 'Notification' in window && Notification.permission === 'default';
  return html`
    ${
      deskLink.value === 'lost' &&
      html`
        <div class="banner inside" role="alert">
          <${Icon} name="warn" />
          <b>Your desk has lost its connection.</b> You are offered no calls until it is back.
        </div>
      `
    }
    <div class=${`desk ${deskLink.value === 'lost' ? 'gone' : ''}`}>
      <div class="desk-main">
        <${StatusBar} />
        <${Messages} />
        ${state.offers.map((o) => html`<${Offer} key=${o.offer} offer=${o} />`)}
        ${calls.value.map((c) => html`<${OnCall} key=${c.id} call=${c} />`)}
        ${state.agent.wrap_ups.map((w) => html`<${WrapUp} key=${w.call} wrap=${w} />`)}
        ${
          state.offers.length + calls.value.length + state.agent.wrap_ups.length === 0 &&
          html`
            <section class="panel">
              <p class="empty">
                ${
                  state.agent.status === 'ready'
                    ? state.agent.offerable
                      ? 'You are available. The next call rings here.'
                      : 'You are available, and no queue can offer you a call now.'
                    : state.agent.status === 'offline'
                      ? 'You are logged out. Choose Available when you are.'
                      : 'No calls are offered in this status.'
                }
                ${
                  askNotes &&
                  html`
                    <br />
                    <button type="button" class="link" onClick=${() => Notification.requestPermission()}>
                      Tell me of calls while this tab is hidden
                    </button>
                  `
                }
              </p>
            </section>
          `
        }
      </div>
      <div class="desk-side"><${Queues} />${may('work') && html`<${Day} />`}</div>
    </div>
  `;
}
