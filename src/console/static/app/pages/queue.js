// @ts-check
// One queue: who waits and in which order, who works it, and why a caller is not being served.
import { computed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Grid } from '../ui/grid.js';
import { Flag, Icon, Stars, Status } from '../ui/parts.js';
import { Menu, openDialog } from '../ui/dialog.js';
import { told } from '../ui/toast.js';
import { count, duration, masked, ofMs, percent, plural, time } from '../fmt.js';
import { detailWord, MEDIA, stateOf } from '../store/words.js';
import * as board from '../store/board.js';
import * as directory from '../store/directory.js';
import { link, nowSec, second } from '../store/clock.js';
import { formula, table } from '../store/figures.js';
import { limits } from '../store/prefs.js';
import { api, may } from '../session.js';
import { family, putStars } from '../actions.js';
import { go } from '../route.js';
import { levelOf } from '../live/level.js';
import { openAgent } from '../live/view.js';

/** Stars by user; read once, and after a change. @param {string} id */
function useStaff(id) {
  const staff = useSignal(
    /** @type {ReadonlyMap<string, { stars: number, source: string, position: number, count: number }>} */ (
      new Map()
    ),
  );
  const read = async () => {
    const told = await api('GET', `/${family(id)}/${id}/staff`).catch(() => ({ items: [] }));
    staff.value = new Map(told.items.map((/** @type {any} */ s) => [s.user, s]));
  };
  useEffect(() => {
    read();
    const timer = setInterval(read, 15_000);
    return () => clearInterval(timer);
  }, [id]);
  return { staff: staff.value, read };
}

/** @param {{ row: import('../wire').QueueRow }} p */
function Head({ row }) {
  const now = nowSec.value,
    l = levelOf(row, now),
    f = table(row.kind, '60m').value.get(row.id),
    staffed = row.agents.available + row.agents.busy + row.agents.opted_out;
  const one = (
    /** @type {string} */ label,
    /** @type {any} */ value,
    /** @type {string} */ note,
    level = 0,
    /** @type {string} */ name = '',
  ) =>
    html`
      <div class="kpi">
        <dt title=${formula(name)}>${label}</dt>
        <dd class=${level ? `v${level}` : ''}>${value}<${Flag} level=${level} /></dd>
        <dd class="note">${note}</dd>
      </div>
    `;
  return html`
    <section class="panel kpis" aria-label="Now">
      <dl>
        ${one(
          'Waiting',
          count(row.waiting),
          row.ringing ? `${count(row.ringing)} ringing` : 'nobody is rung',
          0,
          'waiting',
        )}
        ${one('Longest wait', duration(l.wait), `limit ${duration(limits.value.actS)}`, l.waitLevel)}
        ${one(
          'Service level',
          percent(l.share),
          `60 min, in ${limits.value.seconds} s`,
          l.shareLevel,
          'service_level',
        )}
        ${one('Avg speed of answer', ofMs(f?.['asa_ms']), '60 min', 0, 'asa_ms')}
        ${one(
          'Abandoned',
          count(row.today.abandoned),
          `of ${count(row.today.offered)} today`,
          0,
          'abandoned',
        )}
        ${one('Handling time', ofMs(f?.['aht_ms']), '60 min', 0, 'aht_ms')}
        ${one('Free agents', count(row.offerable), `of ${count(staffed)} logged in`)}
      </dl>
    </section>
  `;
}

/** @param {{ call: import('../wire').CallRow, close: () => void, how: 'move' | 'assign' }} p */
function MoveForm({ call, close, how }) {
  const to = useSignal('');
  const choices =
    how === 'move'
      ? [...directory.queues.value.values()].filter((q) => q.id !== call.queue).map((q) => [q.id, q.name])
      : board.staffOf(call.queue ?? '').map((i) => [board.idAt(i), board.nameAt(i)]);
  const name = masked(call.from);
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        if (how === 'move')
          told(
            api('PATCH', `/calls/${call.id}`, { queue: to.value }),
            `${name} moved to ${directory.queueName(to.value)}`,
            'The caller was not moved.',
          );
        else
          told(
            api('POST', `/calls/${call.id}/assign`, { agent: to.value }),
            `${directory.userName(to.value)} is rung for ${name}`,
            'The caller was not assigned.',
          );
      }}
    >
      <label class="field-l">
        <span>${how === 'move' ? 'To the queue' : 'To the agent'}</span>
        <select
          required
          value=${to.value}
          onChange=${(/** @type {any} */ e) => {
            to.value = e.currentTarget.value;
          }}
        >
          <option value="">Choose</option>
          ${choices
            .sort((a, b) => ((a[1] ?? '') < (b[1] ?? '') ? -1 : 1))
            .map(([id, label]) => html`<option key=${id} value=${id}>${label}</option>`)}
        </select>
      </label>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!to.value}>
          ${how === 'move' ? 'Move the caller' : 'Ring this agent'}
        </button>
      </footer>
    </form>
  `;
}

/** @param {string} id @param {(id: string) => void} explain */
const waitingColumns = (id, explain) => {
  const off = () => link.peek() === 'lost' || !may('steer');
  return [
    { key: 'at', label: '#', name: 'Place in the line', cls: 'num', cell: (/** @type {any} */ w) => w.at },
    {
      key: 'wait',
      label: 'Waits',
      cls: 'num',
      cell: (/** @type {any} */ w, /** @type {number} */ now) => {
        const secs = now - Date.parse(w.call.queued_at) / 1000;
        const level = secs >= limits.peek().actS ? 2 : secs >= limits.peek().watchS ? 1 : 0;
        return html`
          <span class=${level ? `v${level}` : ''}>${duration(secs)} <${Flag} level=${level} /></span>
        `;
      },
    },
    {
      key: 'from',
      label: 'Caller',
      cell: (/** @type {any} */ w) =>
        html`
          <span class="num">${masked(w.call.from)}</span>
          ${w.call.callback && html`<span class="tag">callback</span>`}
        `,
    },
    {
      key: 'prio',
      label: 'Prio',
      name: 'Priority',
      cls: 'num',
      cell: (/** @type {any} */ w) => w.call.priority,
    },
    {
      key: 'rings',
      label: 'Rings at',
      cell: (/** @type {any} */ w) =>
        w.call.offers.map((/** @type {any} */ o) => directory.userName(o.agent)).join(', ') ||
        html`<span class="muted">nobody</span>`,
    },
    {
      key: 'do',
      label: '',
      name: 'Actions',
      cell: (/** @type {any} */ w) => html`
        <span class="row-do">
          <button type="button" class="btn small" tabindex="-1" onClick=${() => explain(w.call.id)}>
            Why?
          </button>
          <a class="btn small" tabindex="-1" href=${`/calls/${w.call.id}`}>Story</a>
          <button
            type="button"
            class="btn small"
            tabindex="-1"
            aria-label=${`More for caller ${w.at}`}
            disabled=${off()}
            onClick=${() =>
              openDialog({
                title: `Caller ${masked(w.call.from)}`,
                body: (close) => html`<${CallActions} call=${w.call} close=${close} />`,
              })}
          >
            <${Icon} name="dots" size=${14} />
          </button>
        </span>
      `,
    },
  ];
};

/** @param {{ call: import('../wire').CallRow, close: () => void }} p */
function CallActions({ call, close }) {
  const how = useSignal(/** @type {'' | 'move' | 'assign'} */ (''));
  if (how.value) return html`<${MoveForm} call=${call} close=${close} how=${how.value} />`;
  return html`
    <div class="btns">
      <button
        type="button"
        class="btn"
        onClick=${() => {
          how.value = 'move';
        }}
      >
        <${Icon} name="move" size=${14} />Move to another queue
      </button>
      <button
        type="button"
        class="btn"
        onClick=${() => {
          how.value = 'assign';
        }}
      >
        <${Icon} name="user" size=${14} />Assign to an agent
      </button>
      <button
        type="button"
        class="btn"
        onClick=${() => {
          close();
          told(
            api('PATCH', `/calls/${call.id}`, { priority: call.priority + 1 }),
            `Priority is now ${call.priority + 1}`,
            'The priority is unchanged.',
          );
        }}
      >
        <${Icon} name="up" size=${14} />Raise the priority
      </button>
    </div>
  `;
}

/** A reason that many share, without the instant of one of them. @param {string | null | undefined} detail */
const timeless = (detail) => (detail ?? '').replace(/ until \d{4}-\S+Z/, '');

/** The engine's own account of one waiting call. @param {{ id: string, call: string }} p */
function Why({ id, call }) {
  const told = useSignal(/** @type {any} */ (null)),
    said = useSignal('');
  // Asked again with each change of the queue, once a second at most.
  const row = board.queues.get(id)?.value,
    turn = Math.floor(second.value / 2);
  useEffect(() => {
    if (!call || link.peek() === 'lost') return;
    api('GET', `/calls/${call}/candidates`).then(
      (t) => {
        told.value = t;
        said.value = '';
      },
      (e) => {
        said.value = e.status === 404 ? 'This caller does not wait any more.' : e.message;
      },
    );
  }, [call, turn]);
  const c = told.value,
    number = board.calls.get(call);
  if (!row || !call) return html`<p class="empty small">Nobody waits.</p>`;
  if (said.value || !c || c.call !== call)
    return html`<p class="empty small">${said.value || 'Asking the engine…'}</p>`;
  /** @type {Map<string, any[]>} */ const reasons = new Map();
  for (const one of c.items) {
    const key = one.against ?? '';
    reasons.set(key, [...(reasons.get(key) ?? []), one]);
  }
  const groups = [...reasons].sort((a, b) => b[1].length - a[1].length),
    able = c.items.filter((/** @type {any} */ i) => i.candidate).length;
  return html`
    <div class="why">
      <p>
        <b>${masked(number?.from ?? null)}</b>:${' '}
        ${
          c.items.length === 0
            ? 'nobody is a member of the queue.'
            : able
              ? html`
                  ${plural(able, 'agent')} could take the
                  call${
                    c.held_by
                      ? `, and it is kept back: ${HELD[c.held_by] ?? c.held_by}` +
                        `${c.held_until ? ` until ${time(Date.parse(c.held_until))}` : ''}.`
                      : '.'
                  }
                `
              : html`none of ${plural(c.items.length, 'agent')} can take the call now.`
        }
        ${c.next_step ? ` The next step begins at ${time(Date.parse(c.next_step.at))}.` : ''}
      </p>
      <ul>
        ${groups.map(
          ([against, list]) =>
            html`
              <li key=${against}>
                <b class="num">${list.length}</b>
                <span>
                  ${timeless(list[0].detail) || 'could be offered it'}
                  ${
                    list.length <= 6
                      ? html`
                          :${' '}
                          ${list.map(
                            (/** @type {any} */ i, /** @type {number} */ n) =>
                              html`
                                ${n ? ', ' : ''}
                                <button
                                  type="button"
                                  class="link"
                                  key=${i.user}
                                  onClick=${() => openAgent(i.user)}
                                >
                                  ${i.name ?? i.user}
                                </button>
                                ${i.until ? ` (until ${time(Date.parse(i.until))})` : ''}
                              `,
                          )}
                        `
                      : html`
                          :${' '}
                          <span class="muted">
                            ${list
                              .slice(0, 4)
                              .map((/** @type {any} */ i) => i.name ?? i.user)
                              .join(', ')}
                            ${' '}and ${list.length - 4} more
                          </span>
                        `
                  }
                </span>
              </li>
            `,
        )}
      </ul>
    </div>
  `;
}
/** @type {Record<string, string>} */
const HELD = {
  width: 'as many ring for it as its plan allows',
  preferred: 'it waits for the agent that it prefers',
  after: 'it waits before the next round',
  window: 'others are served first',
  max_ringing: 'as many ring in the queue as may',
  order: 'callers before it are served first',
};

/** @param {string} queue @param {ReturnType<typeof useStaff>} staff */
const staffColumns = (queue, staff) => {
  const edit = may('queues');
  return [
    {
      key: 'status',
      label: 'Status',
      cell: (/** @type {number} */ i) => {
        const p = board.pairOf(i, queue);
        return p && html`<${Status} tone=${p.tone} detail=${p.detail} offerable=${p.offerable} />`;
      },
    },
    {
      key: 'name',
      label: 'Agent',
      cell: (/** @type {number} */ i) =>
        html`
          <b>${board.nameAt(i)}</b>
          <span class="muted">${directory.users.peek().get(board.idAt(i))?.extension}</span>
        `,
    },
    {
      key: 'since',
      label: 'In state',
      cls: 'num',
      cell: (/** @type {number} */ i, /** @type {number} */ now) => {
        const a = board.agent(i),
          s = stateOf(a.tone, a.detail, a.offerable),
          secs = now - a.since / 1000;
        return a.tone === 3 && detailWord(a.detail) === ''
          ? ''
          : html`<span class=${secs > s.over ? 'over' : ''}>${duration(secs)}</span>`;
      },
    },
    {
      key: 'stars',
      label: 'Stars',
      cell: (/** @type {number} */ i) => {
        const id = board.idAt(i),
          s = staff.staff.get(id);
        return (
          s &&
          html`
            <span class="row-do">
              <${Stars}
                n=${s.stars}
                of=${board.nameAt(i)}
                ...${edit && s.source === 'direct'
                  ? {
                      onSet: async (/** @type {number} */ n) => {
                        await putStars([id], queue, n);
                        await staff.read();
                      },
                    }
                  : {}}
              />
              ${s.source === 'team' && html`<span class="tag" title="Through a team">team</span>`}
            </span>
          `
        );
      },
    },
    {
      key: 'calls',
      label: 'Today',
      name: 'Calls in the window that the order counts',
      cls: 'num',
      cell: (/** @type {number} */ i) => count(staff.staff.get(board.idAt(i))?.count),
    },
  ];
};
const STAFF_RANK = [
  'ringing',
  'reserved',
  'talking',
  'holding',
  'wrap_up',
  'idle',
  'delay',
  'other_work',
  'break',
  'training',
  'blocked',
  'reconnecting',
  'device_lost',
  '',
];

/** @param {{ id: string }} p */
export function QueuePage({ id }) {
  const active = useSignal(''),
    asked = useSignal(''),
    atStaff = useSignal('');
  const staff = useStaff(id);
  const waiting = useMemo(
    () =>
      computed(() => {
        board.callsChanged.value;
        return board.waitingIn(id).map((call, i) => ({ call, at: i + 1 }));
      }),
    [id],
  ).value;
  board.changed.value;
  const row = board.queues.get(id)?.value;
  if (!row)
    return html`
      <p class="empty">
        ${
          board.whole.value
            ? html`There is no such queue, or not for you. <a class="link" href="/live">All queues</a>`
            : 'Reading the floor…'
        }
      </p>
    `;
  const chosen = waiting.some((w) => w.call.id === asked.value) ? asked.value : (waiting[0]?.call.id ?? '');
  const slots = board.staffOf(id),
    rank = (/** @type {number} */ i) => {
      const p = board.pairOf(i, id);
      return p
        ? p.tone === 3
          ? 90
          : STAFF_RANK.indexOf(detailWord(p.detail)) + (p.tone === 2 ? 20 : 0)
        : 99;
    };
  slots.sort((a, b) => rank(a) - rank(b) || (board.nameAt(a) < board.nameAt(b) ? -1 : 1));
  return html`
    <${Head} row=${row} />
    <div class="two-cols">
      <div class="side wide">
        <section class="panel tabled waiting" aria-labelledby="w-h">
          <header class="panel-h">
            <h2 id="w-h">Waiting</h2>
            <span class="muted">${count(waiting.length)}, in the order in which they are served</span>
          </header>
          <${Grid}
            id="call"
            label="Waiting callers"
            columns=${waitingColumns(id, (c) => {
              asked.value = c;
            })}
            template="44px 92px minmax(130px, 1fr) 56px minmax(110px, 1.2fr) 176px"
            rows=${waiting}
            keyOf=${(/** @type {any} */ w) => w.call.id}
            now=${nowSec.value}
            version=${(/** @type {any} */ w) =>
              `${w.call.rank} ${w.at} ${w.call.priority} ${w.call.offers.length} ${link.value}`}
            active=${active.value}
            onActive=${(/** @type {string} */ c) => {
              active.value = c;
              asked.value = c;
            }}
            onOpen=${(/** @type {string} */ c) => {
              asked.value = c;
            }}
            empty="Nobody waits."
          />
        </section>
        <section class="panel why-p" aria-labelledby="y-h">
          <header class="panel-h">
            <h2 id="y-h">Why nobody?</h2>
            <span class="muted">the engine's own answer for a waiting caller</span>
          </header>
          <${Why} id=${id} call=${chosen} />
        </section>
      </div>
      <section class="panel tabled" aria-labelledby="s-h">
        <header class="panel-h">
          <h2 id="s-h">Staff</h2>
          <span class="muted">${count(slots.length)}</span>
        </header>
        <${Grid}
          id="staff"
          label="Staff of the queue"
          columns=${staffColumns(id, staff)}
          template="minmax(116px, 1fr) minmax(116px, 1.3fr) 68px 118px 54px"
          rows=${slots}
          keyOf=${board.idAt}
          now=${nowSec.value}
          version=${(/** @type {number} */ i) =>
            `${board.versionOf(i)} ${staff.staff.get(board.idAt(i))?.stars} ` +
            `${staff.staff.get(board.idAt(i))?.count}`}
          active=${atStaff.value}
          onActive=${(/** @type {string} */ u) => {
            atStaff.value = u;
          }}
          onOpen=${openAgent}
          empty=${html`
            Nobody works for this queue.${' '}
            ${may('queues') ? html`<a class="link" href="/staff">Add agents</a>` : ''}
          `}
        />
      </section>
    </div>
  `;
}

/** @param {{ id: string }} p */
export const QueueCrumb = ({ id }) =>
  html`
    <${Menu}
      class="crumb-b"
      aria="Go to another queue"
      label=${html`${directory.queueName(id)}<${Icon} name="chevron" size=${12} />`}
      items=${[
        { label: 'All queues', onPick: () => go('/live') },
        null,
        ...board.queueIds.value.map((q) => ({
          label: directory.queueName(q),
          onPick: () => go(`/live/queue/${q}`),
        })),
      ]}
    />
  `;
/** @param {string} id */
export const mediaOf = (id) => MEDIA[directory.queues.value.get(id)?.media ?? 'voice'];
