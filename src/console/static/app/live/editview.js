// @ts-check
// What the live view aims at, and views by name. A view is its address: it can be sent to anybody.
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Icon } from '../ui/parts.js';
import { Menu, openDialog } from '../ui/dialog.js';
import { toast } from '../ui/toast.js';
import { limits } from '../store/prefs.js';
import { THRESHOLDS } from '../store/figures.js';
import { hidden } from '../store/agents.js';
import * as saved from '../store/views.js';
import { zoneName } from '../fmt.js';
import { may, me } from '../session.js';
import { CHOSEN } from './agents.js';

/** @param {{ close: () => void }} p */
function LimitsForm({ close }) {
  const set = (/** @type {any} */ e) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget),
      n = (/** @type {string} */ name) => Number(form.get(name));
    limits.value = {
      watchS: n('watch'),
      actS: Math.max(n('watch'), n('act')),
      seconds: n('seconds'),
      share: n('share') / 100,
    };
    close();
    toast('The view has its new limits');
  };
  const { watchS, actS, seconds, share } = limits.value;
  return html`
    <form onSubmit=${set}>
      <div class="two">
        <label class="field-l">
          <span>Service level, at least (%)</span>
          <input name="share" type="number" min="1" max="100" required value=${Math.round(share * 100)} />
        </label>
        <label class="field-l">
          <span>answered within (s)</span>
          <input
            name="seconds"
            type="number"
            min="1"
            max="604800"
            list="thresholds"
            required
            value=${seconds}
          />
          <datalist id="thresholds">
            ${THRESHOLDS.map((t) => html`<option key=${t} value=${t}></option>`)}
          </datalist>
        </label>
      </div>
      <div class="two">
        <label class="field-l">
          <span>Watch a wait from (s)</span>
          <input name="watch" type="number" min="1" max="86400" required value=${watchS} />
        </label>
        <label class="field-l">
          <span>Act from (s)</span>
          <input name="act" type="number" min="1" max="86400" required value=${actS} />
        </label>
      </div>
      <p class="muted">They hold in this browser.</p>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary">Set the limits</button>
      </footer>
    </form>
  `;
}

/** @type {readonly (readonly [import('../wire').SharedWith, string])[]} */
const SHARED = [
  ['nobody', 'Nobody'],
  ['team', 'My teams'],
  ['account', 'Everybody here'],
];

/**
 * Does it, and says so; what the server refuses is said in its words.
 * @param {() => Promise<void>} work
 * @param {string} text
 */
async function done(work, text) {
  try {
    await work();
    toast(text);
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: 'failed' });
    return false;
  }
}

/** @param {{ close: () => void }} p */
function SaveForm({ close }) {
  const name = useSignal(''),
    shared = useSignal(/** @type {import('../wire').SharedWith} */ ('nobody')),
    withZone = useSignal(false);
  const onServer = !!me.value?.user;
  const save = async (/** @type {Event} */ e) => {
    e.preventDefault();
    const named = name.value.trim();
    const how = { shared: shared.value, withZone: withZone.value };
    if (await done(() => saved.save(named, how), `View saved: ${named}`)) close();
  };
  return html`
    <form onSubmit=${save}>
      <label class="field-l">
        <span>Name of the view</span>
        <input
          required
          maxlength="60"
          value=${name.value}
          onInput=${(/** @type {any} */ e) => {
            name.value = e.currentTarget.value;
          }}
        />
        <small>
          It keeps the page with its filters, order and columns${onServer ? '' : ', in this browser'}.
        </small>
      </label>
      ${
        onServer &&
        may('steer') &&
        html`
          <label class="field-l">
            <span>Who else may open it</span>
            <select
              value=${shared.value}
              onChange=${(/** @type {any} */ e) => {
                shared.value = e.currentTarget.value;
              }}
            >
              ${SHARED.map(([id, label]) => html`<option key=${id} value=${id}>${label}</option>`)}
            </select>
          </label>
        `
      }
      ${
        onServer &&
        html`
          <label class="check-l">
            <input
              type="checkbox"
              checked=${withZone.value}
              onChange=${(/** @type {any} */ e) => {
                withZone.value = e.currentTarget.checked;
              }}
            />
            ${' '}With the time zone of now (${zoneName()})
          </label>
        `
      }
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!name.value.trim()}>Save the view</button>
      </footer>
    </form>
  `;
}
export const askSave = () =>
  openDialog({ title: 'Save this view', body: (close) => html`<${SaveForm} close=${close} />` });

/** Own views: another name, or away with them. */
function Manage() {
  const own = saved.list.value.filter((v) => v.own);
  if (!own.length) return html`<p class="muted">You have saved no view.</p>`;
  return html`
    <ul class="managed">
      ${own.map(
        (view) => html`
          <li key=${view.id}>
            <input
              aria-label=${`Name of ${view.name}`}
              maxlength="60"
              value=${view.name}
              onChange=${(/** @type {any} */ e) => {
                const name = e.currentTarget.value.trim();
                if (!name) e.currentTarget.value = view.name;
                else if (name !== view.name) done(() => saved.change(view, { name }), `Now named ${name}`);
              }}
            />
            <span class="muted">
              ${view.shared === 'nobody' ? '' : SHARED.find(([id]) => id === view.shared)?.[1]}
            </span>
            <button
              type="button"
              class="btn small danger"
              aria-label=${`Delete ${view.name}`}
              onClick=${() => done(() => saved.remove(view), `View deleted: ${view.name}`)}
            >
              Delete
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}

/** Which columns the agents have; status and name stay. */
function ColumnsForm() {
  return html`
    <fieldset class="columns">
      <legend class="vh">Columns</legend>
      ${CHOSEN.map(
        ([key, label]) => html`
          <label class="check-l" key=${key}>
            <input
              type="checkbox"
              checked=${!hidden.value.has(key)}
              onChange=${(/** @type {any} */ e) => {
                const next = new Set(hidden.peek());
                if (e.currentTarget.checked) next.delete(key);
                else next.add(key);
                hidden.value = next;
              }}
            />
            ${` ${label}`}
          </label>
        `,
      )}
    </fieldset>
  `;
}

export function ViewTools() {
  const all = saved.list.value;
  return html`
    <${Menu}
      aria="Views"
      label=${html`<${Icon} name="eye" size=${14} />Views<${Icon} name="chevron" size=${12} />`}
      items=${[
        { label: 'Everybody', onPick: () => saved.show({ path: '/live' }) },
        ...all.map((view) => ({
          label: view.own
            ? view.name
            : html`${view.name} <span class="muted">by ${view.user_name ?? view.user}</span>`,
          onPick: () => saved.show(view),
        })),
        null,
        { label: 'Save this view…', onPick: askSave },
        {
          label: 'Rename or delete…',
          disabled: !all.some((view) => view.own),
          onPick: () => openDialog({ title: 'My views', body: () => html`<${Manage} />` }),
        },
        {
          label: 'Copy its address',
          onPick: () => {
            navigator.clipboard?.writeText(location.href).then(
              () => toast('Address copied'),
              () => toast('The browser does not let this page copy.', { kind: 'failed' }),
            );
          },
        },
        null,
        {
          label: 'Columns…',
          onPick: () => openDialog({ title: 'Columns of the agents', body: () => html`<${ColumnsForm} />` }),
        },
        {
          label: 'Targets and limits…',
          onPick: () =>
            openDialog({
              title: 'Targets and limits',
              body: (close) => html`<${LimitsForm} close=${close} />`,
            }),
        },
      ]}
    />
    <a class="btn" href="/wall"><${Icon} name="wall" size=${14} />Wallboard</a>
  `;
}
