// @ts-check
import { computed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Grid } from '../ui/grid.js';
import { Icon, Mark, Status } from '../ui/parts.js';
import { count, duration, ofMs, percent } from '../fmt.js';
import { stateOf, toneAt, TONES } from '../store/words.js';
import * as board from '../store/board.js';
import * as agents from '../store/agents.js';
import * as directory from '../store/directory.js';
import { nowSec } from '../store/clock.js';
import { figure, table } from '../store/figures.js';
import { pending } from '../actions.js';
import { Actions } from './bulk.js';
import { openAgent } from './view.js';

/** @param {number} i @param {number} now */
function Since(i, now) {
  const a = board.agent(i),
    s = stateOf(a.tone, a.detail, a.offerable, a.reason),
    secs = now - a.since / 1000;
  if (a.tone === 3 && a.detail === 0) return '';
  const over = secs > s.over;
  return html`
    <span class=${over ? 'over' : ''} title=${over ? `Longer than ${duration(s.over)}` : undefined}>
      ${over && html`<${Icon} name="warn" size=${12} />`}
      ${duration(secs)}
    </span>
  `;
}
/** @param {number} i */
function Name(i) {
  const id = board.idAt(i),
    extension = directory.users.peek().get(id)?.extension;
  return html`<b>${board.nameAt(i)}</b>${extension && html`<span class="muted">${extension}</span>`}`;
}
/** @param {number} i */
function State(i) {
  const a = board.agent(i),
    asked = pending.peek().get(a.id);
  return html`
    <${Status} tone=${a.tone} detail=${a.detail} offerable=${a.offerable} reason=${a.reason} />
    ${
      asked
        ? html`<span class="tag wait">asked</span>`
        : a.next
          ? html`<span class="tag" title="After the present work">→ ${NEXT[a.next]}</span>`
          : a.forced && html`<span class="tag" title=${`Forced by ${a.forced}`}>forced</span>`
    }
  `;
}
/** @type {Record<string, string>} */
const NEXT = { offline: 'log out', online: 'not ready', ready: 'ready', on_break: 'break' };
/** @param {number} i */
const Pairs = (i) =>
  board
    .pairTones(i)
    .map(
      (n, tone) =>
        n > 0 &&
        html`
          <span
            class="qchip"
            key=${tone}
            title=${`${n} ${n === 1 ? 'queue' : 'queues'}: ${TONES[tone]?.name.toLowerCase()}`}
          >
            <${Mark} tone=${toneAt(tone)} size=${8} />
            <span class="vh">${TONES[tone]?.name}</span>
            ${n}
          </span>
        `,
    );
/** @param {number} i */
function Occupancy(i) {
  const share = figure('agent', 'today', board.idAt(i), 'occupancy');
  return share === null || share === undefined
    ? '–'
    : html`
        <i class="meter" aria-hidden="true"><i style=${{ width: `${Math.round(share * 100)}%` }}></i></i>
        ${percent(share)}
      `;
}

/** @type {readonly import('../ui/grid.js').Column[]} */
const COLUMNS = [
  {
    key: 'pick',
    label: '',
    name: 'Selected',
    cell: () => html`<span class="check" aria-hidden="true"></span>`,
  },
  { key: 'status', label: 'Status', sort: true, cell: State },
  { key: 'name', label: 'Agent', sort: true, cell: Name },
  { key: 'team', label: 'Team', sort: true, cell: (i) => agents.teamNames(board.idAt(i)) },
  { key: 'since', label: 'In state', cls: 'num', sort: true, cell: Since },
  {
    key: 'on',
    label: 'Working in',
    sort: true,
    cell: (i) => {
      const q = board.worksIn(i);
      return q && directory.queueName(q);
    },
  },
  { key: 'queues', label: 'Queues', cell: Pairs },
  {
    key: 'handled',
    label: 'Handled',
    name: 'Calls handled today',
    cls: 'num',
    sort: true,
    cell: (i) => count(figure('agent', 'today', board.idAt(i), 'handled')),
  },
  {
    key: 'aht',
    label: 'AHT',
    name: 'Average handling time today',
    cls: 'num',
    sort: true,
    cell: (i) => ofMs(figure('agent', 'today', board.idAt(i), 'aht_ms')),
  },
  {
    key: 'occ',
    label: 'Occupancy',
    name: 'Share of the day with work',
    cls: 'num',
    sort: true,
    cell: Occupancy,
  },
];
/** @type {Record<string, string>} */
const WIDTHS = {
  pick: '36px',
  status: 'minmax(124px, 1.1fr)',
  name: 'minmax(112px, 1.4fr)',
  team: 'minmax(72px, .9fr)',
  since: '72px',
  on: 'minmax(76px, .9fr)',
  queues: '96px',
  handled: '64px',
  aht: '50px',
  occ: '98px',
};
/** Columns that one may do without. @type {readonly (readonly [key: string, label: string])[]} */
export const CHOSEN = COLUMNS.filter((c) => !['pick', 'status', 'name'].includes(c.key)).map((c) => [
  c.key,
  c.label,
]);
/** What is shown: without teams their column is left out. */
const columns = computed(() => {
  const teams = directory.teams.value.size > 0;
  const shown = COLUMNS.filter((c) => !agents.hidden.value.has(c.key) && (teams || c.key !== 'team'));
  return { shown, template: shown.map((c) => WIDTHS[c.key]).join(' ') };
});

/**
 * @param {{ label: string, value: import('@preact/signals').Signal<string>, items: readonly (readonly
 *   [string, string])[] }} p
 */
const Choice = ({ label, value, items }) =>
  items.length
    ? html`
        <label class="pick">
          <span class="vh">${label}</span>
          <select
            value=${value.value}
            onChange=${(/** @type {any} */ e) => {
              value.value = e.currentTarget.value;
            }}
          >
            <option value="">${label}</option>
            ${items.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}
          </select>
        </label>
      `
    : null;

function Toolbar() {
  const n = board.tally.value,
    want = agents.tones.value;
  const pick = (/** @type {string} */ tone) => {
    const next = new Set(agents.tones.peek());
    if (!next.delete(tone)) next.add(tone);
    agents.tones.value = next;
  };
  const named = (/** @type {ReadonlyMap<string, any>} */ map) =>
    [...map]
      .map(([id, v]) => /** @type {const} */ ([id, typeof v === 'string' ? v : v.name]))
      .sort((a, b) => (a[1] < b[1] ? -1 : 1));
  return html`
    <header class="panel-h toolbar">
      <h2 id="agents-h">Agents</h2>
      <label class="find">
        <${Icon} name="search" size=${14} />
        <span class="vh">Find agents by name, extension or team</span>
        <input
          id="find"
          type="search"
          placeholder="Name, ext or team"
          autocomplete="off"
          value=${agents.search.value}
          onInput=${(/** @type {any} */ e) => {
            agents.search.value = e.currentTarget.value;
          }}
          onKeyDown=${(/** @type {any} */ e) => {
            if (e.key === 'Escape') {
              agents.search.value = '';
              e.currentTarget.blur();
            }
            if (e.key === 'Enter' || e.key === 'ArrowDown') {
              /** @type {any} */ (document.querySelector('.agents .grid'))?.focus();
              e.preventDefault();
            }
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <div class="chips" role="group" aria-label="Show only">
        ${TONES.map(
          (t, i) =>
            html`
              <button
                type="button"
                class="chip"
                key=${t.tone}
                aria-pressed=${want.has(t.tone)}
                title=${t.hint}
                onClick=${() => pick(t.tone)}
              >
                <${Mark} tone=${t.tone} />
                ${t.name} <b>${count(n[i])}</b>
              </button>
            `,
        )}
      </div>
      <${Choice} label="All teams" value=${agents.team} items=${named(directory.teams.value)} />
      <${Choice} label="All queues" value=${agents.queue} items=${named(directory.queues.value)} />
      <${Choice} label="All skills" value=${agents.skill} items=${named(directory.skills.value)} />
      <span class="muted grow-r" role="status">
        ${count(agents.order.value.length)}
        ${' '}
        ${agents.held.value && agents.order.value.length ? 'held' : 'shown'}
      </span>
    </header>
  `;
}

/** The same each time, so that they are drawn for their own reasons only. */
const TOOLBAR = html`<${Toolbar} />`,
  ACTIONS = html`<${Actions} />`;

export function AgentGrid() {
  useEffect(() => {
    const timer = setInterval(agents.keepOrder, 100);
    agents.keepOrder();
    return () => clearInterval(timer);
  }, []);
  // Whatever a cell reads besides the agent's own row is read here, so that rows see its change.
  board.changed.value;
  const asked = pending.value,
    stamp = figuresStamp();
  return html`
    <section class="panel agents" aria-labelledby="agents-h">
      ${TOOLBAR}
      <${Grid}
        id="agent"
        label="Agents"
        columns=${columns.value.shown}
        template=${columns.value.template}
        rows=${agents.order.value}
        keyOf=${board.idAt}
        now=${nowSec.value}
        version=${(/** @type {number} */ i) =>
          board.versionOf(i) * 1e6 + stamp * 10 + Number(asked.has(board.idAt(i)))}
        active=${agents.active.value}
        onActive=${(/** @type {string} */ id) => {
          agents.active.value = id;
        }}
        onOpen=${openAgent}
        selected=${agents.selected.value}
        onToggle=${agents.toggle}
        onSelect=${(/** @type {readonly string[]} */ ids) => {
          agents.selected.value = new Set(ids);
        }}
        sort=${agents.sort.value}
        onSort=${(/** @type {string} */ key) => {
          const had = agents.sort.peek();
          agents.sort.value = { key, dir: had.key === key ? -had.dir : 1 };
        }}
        onHold=${agents.hold}
        empty=${agents.filtered.value
          ? html`
              No agent matches.${' '}
              <button type="button" class="link" onClick=${agents.clearFilters}>Clear filters</button>
            `
          : html`No agents yet. <a class="link" href="/start">Add the first one</a>`}
      />
      ${ACTIONS}
    </section>
  `;
}

let stamps = 0;
/** @type {unknown} */ let lastTable;
/** Steps when the agents' figures or the directory are others. */
function figuresStamp() {
  const now = [
    table('agent', 'today').value,
    directory.users.value,
    directory.teams.value,
    directory.queues.value,
  ];
  if (!Array.isArray(lastTable) || now.some((x, i) => x !== /** @type {any} */ (lastTable)[i])) {
    stamps = (stamps + 1) % 1e5;
    lastTable = now;
  }
  return stamps;
}
