// @ts-check
// What can be done to the agents that are ticked.
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Icon, Mark, Stars } from '../ui/parts.js';
import { Menu, confirm, openDialog } from '../ui/dialog.js';
import { plural } from '../fmt.js';
import { selected } from '../store/agents.js';
import * as board from '../store/board.js';
import { breaks, queues } from '../store/directory.js';
import { link } from '../store/clock.js';
import { may } from '../session.js';
import * as actions from '../actions.js';

const busy = (/** @type {readonly string[]} */ ids) =>
  ids.filter((id) => {
    const slot = board.slotOf(id);
    return slot >= 0 && board.agent(slot).calls.length > 0;
  }).length;

/**
 * After the work is done the selection is over and the focus is on the rows again.
 * @param {Promise<unknown>} work
 */
async function then(work) {
  await work;
  selected.value = new Set();
  /** @type {HTMLElement | null} */ (document.querySelector('.grid'))?.focus({ preventScroll: true });
}

/** @param {readonly string[]} ids */
export const unavailableItems = (ids) => [
  {
    label: html`<${Mark} tone="orange" />Logged in, not ready`,
    onPick: () => then(actions.force(ids, 'online')),
  },
  ...(breaks.value.length
    ? breaks.value.map((b) => ({
        label: html`<${Mark} tone="red" solid=${false} />Break: ${b.name}`,
        onPick: () => then(actions.force(ids, 'on_break', { reason: b.id })),
      }))
    : [
        {
          label: html`<${Mark} tone="red" solid=${false} />Break`,
          onPick: () => then(actions.force(ids, 'on_break')),
        },
      ]),
];

/** @param {readonly string[]} ids */
export function logOut(ids) {
  const talking = busy(ids),
    who = plural(ids.length, 'agent'),
    some = `${talking} of them ${talking === 1 ? 'is' : 'are'}`,
    talks = talking < ids.length ? some : talking === 1 ? 'The agent is' : 'All are';
  confirm({
    title: `Log out ${who}?`,
    verb: `Log out ${who}`,
    text: talking
      ? `${talks} on a call: the log-out takes effect after it.`
      : 'They are offered no more calls, and have to choose a status again.',
    onYes: () => then(actions.force(ids, 'offline')),
  });
}

/** @param {{ ids: readonly string[], close: () => void }} p */
function StarsForm({ ids, close }) {
  const queue = useSignal(''),
    stars = useSignal(1);
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        then(actions.putStars(ids, queue.value, stars.value));
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
          ${[...queues.value.values()]
            .sort((a, b) => (a.name < b.name ? -1 : 1))
            .map((q) => html`<option key=${q.id} value=${q.id}>${q.name}</option>`)}
        </select>
      </label>
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
      <p class="muted">Who does not work for the queue yet is added to it; who does gets these stars.</p>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!queue.value}>Put ${plural(ids.length, 'agent')} in</button>
      </footer>
    </form>
  `;
}
/** @param {readonly string[]} ids */
export const askStars = (ids) =>
  openDialog({
    title: `Queue and stars for ${plural(ids.length, 'agent')}`,
    body: (close) => html`<${StarsForm} ids=${ids} close=${close} />`,
  });

/** @param {{ ids: readonly string[], close: () => void }} p */
function NotifyForm({ ids, close }) {
  const text = useSignal('');
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        close();
        then(actions.notify(ids, text.value.trim()));
      }}
    >
      <label class="field-l">
        <span>Message</span>
        <textarea
          rows="4"
          maxlength="500"
          required
          value=${text.value}
          onInput=${(/** @type {any} */ e) => {
            text.value = e.currentTarget.value;
          }}
        ></textarea>
        <small>Stands on their desks until they have read it.</small>
      </label>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!text.value.trim()}>
          Send to ${plural(ids.length, 'agent')}
        </button>
      </footer>
    </form>
  `;
}
/** @param {readonly string[]} ids */
export const askNotify = (ids) =>
  openDialog({
    title: `Message to ${plural(ids.length, 'agent')}`,
    body: (close) => html`<${NotifyForm} ids=${ids} close=${close} />`,
  });

export function Actions() {
  const ids = [...selected.value];
  if (!ids.length) return null;
  const lost = link.value === 'lost',
    off = lost || !may('steer');
  const title = lost
    ? 'Not while the connection is lost'
    : off
      ? 'Your role may not steer agents'
      : undefined;
  return html`
    <div class="actions" role="toolbar" aria-label="Actions for the selected agents">
      <b role="status">${ids.length} selected</b>
      <button
        type="button"
        class="btn"
        disabled=${off}
        title=${title}
        onClick=${() => then(actions.force(ids, 'ready'))}
      >
        <${Mark} tone="green" solid=${false} />Available
      </button>
      <${Menu}
        up=${true}
        disabled=${off}
        title=${title}
        aria="Make unavailable"
        label=${html`<${Mark} tone="red" />Unavailable<${Icon} name="chevron" size=${12} />`}
        items=${unavailableItems(ids)}
      />
      <${Menu}
        up=${true}
        disabled=${off}
        title=${title}
        aria="Opt in or out"
        label=${html`<${Mark} tone="orange" />Opt in or out<${Icon} name="chevron" size=${12} />`}
        items=${[
          { label: 'Opt in', onPick: () => then(actions.opt(ids, true)) },
          { label: 'Opt out', onPick: () => then(actions.opt(ids, false)) },
        ]}
      />
      <button type="button" class="btn" disabled=${off} title=${title} onClick=${() => logOut(ids)}>
        <${Mark} tone="gray" />Log out
      </button>
      <span class="sep"></span>
      <button
        type="button"
        class="btn"
        disabled=${lost || !may('queues')}
        title=${may('queues') ? title : 'Your role may not change queues'}
        onClick=${() => askStars(ids)}
      >
        <${Icon} name="star" size=${14} />Queue and stars
      </button>
      <button type="button" class="btn" disabled=${off} title=${title} onClick=${() => askNotify(ids)}>
        <${Icon} name="bell" size=${14} />Notify
      </button>
      <button type="button" class="btn quiet" onClick=${() => then(Promise.resolve())}>
        Clear<kbd aria-hidden="true">Esc</kbd>
      </button>
    </div>
  `;
}
