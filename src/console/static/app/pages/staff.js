// @ts-check
// Staff by queue: a column for each queue, a card for each agent, as it is this second.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html, pure } from '../ui/html.js';
import { Icon, Mark, Stars, ToneBar } from '../ui/parts.js';
import { confirm, openDialog } from '../ui/dialog.js';
import { count, duration, plural } from '../fmt.js';
import { MEDIA, stateOf, toneAt } from '../store/words.js';
import * as board from '../store/board.js';
import * as directory from '../store/directory.js';
import { link, nowSec } from '../store/clock.js';
import { api, may } from '../session.js';
import { say, route } from '../route.js';
import { family, putStars, removeMember } from '../actions.js';
import { openAgent } from '../live/view.js';

/** Cards in a column at most; the queue's page has them all. */
const MOST = 60;
/** @typedef {{ stars: number, source: string }} Member */

/**
 * Members by queue, as the server has them: read for the columns that are shown.
 * @param {string} shown ids, joined
 */
function useMembers(shown) {
  const members = useSignal(/** @type {ReadonlyMap<string, ReadonlyMap<string, Member>>} */ (new Map()));
  const read = async (/** @type {readonly string[]} */ queues) => {
    for (const q of queues) {
      const told = await api('GET', `/${family(q)}/${q}/staff`).catch(() => null);
      if (told)
        members.value = new Map(members.peek()).set(
          q,
          new Map(told.items.map((/** @type {any} */ s) => [s.user, { stars: s.stars, source: s.source }])),
        );
    }
  };
  useEffect(() => {
    const ids = shown.split(',').filter(Boolean);
    read(ids);
    const timer = setInterval(() => {
      if (!document.hidden) read(ids);
    }, 30_000);
    return () => clearInterval(timer);
  }, [shown]);
  return { members: members.value, read };
}

/**
 * @param {{ user: string, queue: string, close: () => void, after: (queues: string[]) => void, stars: number
 *   }} p
 */
function MoveForm({ user, queue, close, after, stars }) {
  const to = useSignal('');
  const has = new Set(board.agent(board.slotOf(user)).pairs.map((p) => p.queue));
  const rest = [...directory.queues.value.values()]
    .filter((q) => !has.has(q.id))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return html`
    <form
      onSubmit=${async (/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        await move(user, queue, to.value, stars);
        after([queue, to.value]);
      }}
    >
      <label class="field-l">
        <span>To the queue</span>
        <select
          required
          value=${to.value}
          onChange=${(/** @type {any} */ e) => {
            to.value = e.currentTarget.value;
          }}
        >
          <option value="">Choose</option>
          ${rest.map((q) => html`<option key=${q.id} value=${q.id}>${q.name}</option>`)}
        </select>
      </label>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!to.value}>Move to the queue</button>
      </footer>
    </form>
  `;
}
/**
 * First in, then out: nobody is for a moment in neither.
 * @param {string} user
 * @param {string} from
 * @param {string} to
 * @param {number} stars
 */
async function move(user, from, to, stars) {
  if (from !== to && (await putStars([user], to, stars))) await removeMember(user, from);
}

/** @param {{ queue: string, close: () => void, after: () => void }} p */
function AddForm({ queue, close, after }) {
  const user = useSignal(''),
    stars = useSignal(1);
  const rest = [...directory.users.value.values()]
    .filter(
      (u) =>
        u.state !== 'deactivated' && !(board.slotOf(u.id) >= 0 && board.pairOf(board.slotOf(u.id), queue)),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return html`
    <form
      onSubmit=${async (/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        const found = rest.find((u) => u.name === user.value || u.id === user.value);
        if (found) {
          await putStars([found.id], queue, stars.value);
          after();
        }
      }}
    >
      <label class="field-l">
        <span>Agent</span>
        <input
          list="staff-rest"
          required
          value=${user.value}
          autocomplete="off"
          onInput=${(/** @type {any} */ e) => {
            user.value = e.currentTarget.value;
          }}
        />
      </label>
      <datalist id="staff-rest">
        ${rest.slice(0, 2000).map((u) => html`<option key=${u.id} value=${u.name} />`)}
      </datalist>
      <div class="field-l">
        <span>Stars</span>
        <${Stars}
          n=${stars.value}
          of="the queue"
          onSet=${(/** @type {number} */ n) => {
            stars.value = n;
          }}
        />
      </div>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button
          class="btn primary"
          disabled=${!rest.some((u) => u.name === user.value || u.id === user.value)}
        >
          Add to the queue
        </button>
      </footer>
    </form>
  `;
}

/** Drawn again when the agent's row, its stars or the second are others. */
const Card = pure((/** @type {any} */ { slot, queue, now, member, edit, after }) => {
  const a = board.agent(slot),
    p = board.pairOf(slot, queue);
  if (!p) return null;
  const s = stateOf(p.tone, p.detail, p.offerable, ''),
    q = directory.queueName(queue),
    tone = toneAt(p.tone),
    own = p.team ? 'team' : 'direct';
  return html`
    <li
      class="card"
      draggable=${edit && !p.team}
      onDragStart=${(/** @type {DragEvent} */ e) => {
        e.dataTransfer?.setData(
          'text/plain',
          JSON.stringify({ user: a.id, from: queue, stars: member?.stars ?? 1 }),
        );
      }}
    >
      <span class=${`avatar small ${tone}`}>
        <span aria-hidden="true">
          ${a.name
            .split(' ')
            .map((/** @type {string} */ w) => w[0])
            .slice(0, 2)
            .join('')}
        </span>
        <${Mark} tone=${tone} solid=${s.solid} />
      </span>
      <div class="card-b">
        <button type="button" class="link name" onClick=${() => openAgent(a.id)}>${a.name}</button>
        <span class="muted">
          ${s.label}
          ${' '}
          <span class="num">${p.tone === 3 && !p.detail ? '' : duration(now - a.since / 1000)}</span>
        </span>
        <span class="card-s">
          <${Stars}
            n=${member?.stars ?? 1}
            of=${q}
            ...${edit && own === 'direct' && member
              ? {
                  onSet: async (/** @type {number} */ n) => {
                    await putStars([a.id], queue, n);
                    after([queue]);
                  },
                }
              : {}}
          />
          ${
            p.team &&
            html`
              <span class="tag" title="Through a team">
                <${Icon} name="team" size=${11} />
                <span class="vh">through a team</span>
              </span>
            `
          }
        </span>
      </div>
      ${
        edit &&
        !p.team &&
        html`
          <span class="card-do">
            <button
              type="button"
              class="iconb small"
              aria-label=${`Move ${a.name} to another queue`}
              title="Move to another queue"
              onClick=${() =>
                openDialog({
                  title: `Move ${a.name} from ${q}`,
                  body: (close) =>
                    html`
                      <${MoveForm}
                        user=${a.id}
                        queue=${queue}
                        close=${close}
                        after=${after}
                        stars=${member?.stars ?? 1}
                      />
                    `,
                })}
            >
              <${Icon} name="move" size=${13} />
            </button>
            <button
              type="button"
              class="iconb small"
              aria-label=${`Remove ${a.name} from ${q}`}
              title="Remove from the queue"
              onClick=${() =>
                confirm({
                  title: `Remove ${a.name} from ${q}?`,
                  text: `${a.name} is offered no more calls of ${q}. Stars there are forgotten.`,
                  verb: `Remove from ${q}`,
                  onYes: async () => {
                    await removeMember(a.id, queue);
                    after([queue]);
                  },
                })}
            >
              <${Icon} name="close" size=${13} />
            </button>
          </span>
        `
      }
    </li>
  `;
});

/**
 * @param {{ id: string, now: number, find: string, members: ReadonlyMap<string, Member> | undefined, edit:
 *   boolean, after: (queues: readonly string[]) => void }} p
 */
function Column({ id, now, find, members, edit, after }) {
  const over = useSignal(false),
    row = board.queues.get(id)?.value;
  const rank = (/** @type {number} */ i) => {
    const p = board.pairOf(i, id);
    return p ? p.tone * 100 + (p.offerable ? 0 : 10) + p.detail : 999;
  };
  const slots = board
    .staffOf(id)
    .filter((i) => !find || board.nameAt(i).toLowerCase().includes(find))
    .sort((a, b) => rank(a) - rank(b) || (board.nameAt(a) < board.nameAt(b) ? -1 : 1));
  if (!row) return null;
  const drop = async (/** @type {DragEvent} */ e) => {
    e.preventDefault();
    over.value = false;
    const { user, from, stars } = JSON.parse(e.dataTransfer?.getData('text/plain') || '{}');
    if (user && from !== id) {
      await move(user, from, id, stars);
      after([from, id]);
    }
  };
  return html`
    <section
      class=${`panel col ${over.value ? 'over-col' : ''}`}
      aria-labelledby=${`col-${id}`}
      onDragOver=${(/** @type {Event} */ e) => {
        if (edit) {
          e.preventDefault();
          over.value = true;
        }
      }}
      onDragLeave=${() => {
        over.value = false;
      }}
      onDrop=${drop}
    >
      <header class="col-h">
        <div>
          <h2 id=${`col-${id}`}>
            <a class="link" href=${`/live/queue/${id}`}>${directory.queueName(id)}</a>
          </h2>
          ${
            edit &&
            html`
              <button
                type="button"
                class="iconb small"
                aria-label=${`Add an agent to ${directory.queueName(id)}`}
                title="Add an agent"
                onClick=${() =>
                  openDialog({
                    title: `Add an agent to ${directory.queueName(id)}`,
                    body: (close) =>
                      html`<${AddForm} queue=${id} close=${close} after=${() => after([id])} />`,
                  })}
              >
                <${Icon} name="plus" size=${14} />
              </button>
            `
          }
        </div>
        <p class="muted">
          ${count(row.waiting)} waiting · ${count(row.offerable)} free of${' '}
          ${count(row.agents.available + row.agents.busy + row.agents.opted_out)}
        </p>
        <${ToneBar}
          parts=${[row.agents.available, row.agents.busy, row.agents.opted_out, row.agents.offline]}
        />
      </header>
      ${
        slots.length
          ? html`
              <ul tabindex="0" aria-label=${`Agents of ${directory.queueName(id)}`}>
                ${slots.slice(0, MOST).map((i) => {
                  const user = board.idAt(i);
                  return html`
                    <${Card}
                      key=${user}
                      slot=${i}
                      queue=${id}
                      now=${board.toneOf(i) === 3 ? 0 : now}
                      version=${board.versionOf(i)}
                      member=${members?.get(user)}
                      edit=${edit}
                      after=${after}
                    />
                  `;
                })}
                ${
                  slots.length > MOST &&
                  html`
                    <li class="more">
                      <a class="link" href=${`/live/queue/${id}`}>
                        ${count(slots.length - MOST)} more on the queue's page
                      </a>
                    </li>
                  `
                }
              </ul>
            `
          : html`<p class="empty small">${find ? 'No agent matches.' : 'Nobody works for this queue.'}</p>`
      }
    </section>
  `;
}

export function Staff() {
  board.changed.value;
  const query = route.value.query,
    medium = query.get('medium') ?? '',
    find = (query.get('find') ?? '').toLowerCase();
  const all = board.queueIds.value
    .map((id) => ({
      id,
      media: directory.queues.value.get(id)?.media ?? 'voice',
      name: directory.queueName(id),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const media = [...new Set(all.map((q) => q.media))].sort(),
    shown = all.filter((q) => !medium || q.media === medium).slice(0, 40);
  const { members, read } = useMembers(shown.map((q) => q.id).join());
  const edit = may('queues') && link.value !== 'lost';
  if (!board.whole.value) return html`<p class="empty">Reading the floor…</p>`;
  return html`
    <div class="staff-tools">
      <label class="find">
        <${Icon} name="search" size=${14} />
        <span class="vh">Find agents by name</span>
        <input
          id="find"
          type="search"
          placeholder="Name"
          autocomplete="off"
          value=${query.get('find') ?? ''}
          onInput=${(/** @type {any} */ e) => say({ find: e.currentTarget.value })}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      ${
        media.length > 1 &&
        html`
          <div class="chips" role="group" aria-label="Medium">
            ${['', ...media].map(
              (m) =>
                html`
                  <button
                    type="button"
                    class="chip"
                    key=${m}
                    aria-pressed=${medium === m}
                    onClick=${() => say({ medium: m })}
                  >
                    ${m ? MEDIA[m] : 'All'}
                  </button>
                `,
            )}
          </div>
        `
      }
      <span class="muted">
        ${plural(shown.length, 'queue')}
        ${edit ? '. Drag a card to another column, or use its buttons.' : ''}
      </span>
    </div>
    ${
      shown.length
        ? html`
            <div class="cols" tabindex="0" role="group" aria-label="Queues">
              ${shown.map(
                (q) =>
                  html`
                    <${Column}
                      key=${q.id}
                      id=${q.id}
                      now=${nowSec.value}
                      find=${find}
                      members=${members.get(q.id)}
                      edit=${edit}
                      after=${read}
                    />
                  `,
              )}
            </div>
          `
        : html`<p class="empty">No queues yet. <a class="link" href="/start">Make the first one</a></p>`
    }
  `;
}
