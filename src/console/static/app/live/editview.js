// @ts-check
// What the live view aims at, and views by name. A view is its address: it can be sent to anybody.
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Icon } from '../ui/parts.js';
import { Menu, openDialog } from '../ui/dialog.js';
import { toast } from '../ui/toast.js';
import { limits, views } from '../store/prefs.js';
import { THRESHOLDS } from '../store/figures.js';
import { go } from '../route.js';
import { take } from './view.js';
import { route } from '../route.js';

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
          <select name="seconds" value=${seconds}>
            ${THRESHOLDS.map(
              (t) => html`<option key=${t} value=${t} selected=${t === seconds}>${t}</option>`,
            )}
          </select>
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

/** @param {{ close: () => void }} p */
function SaveForm({ close }) {
  const name = useSignal('');
  return html`
    <form
      onSubmit=${(/** @type {Event} */ e) => {
        e.preventDefault();
        views.value = { ...views.peek(), [name.value.trim()]: location.search };
        close();
        toast(`View saved: ${name.value.trim()}`);
      }}
    >
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
        <small>It keeps search, filters and sort, in this browser. To share a view, send its address.</small>
      </label>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary" disabled=${!name.value.trim()}>Save the view</button>
      </footer>
    </form>
  `;
}

/** @param {string} query */
function show(query) {
  go(`/live${query}`);
  take(route.peek().query);
}

export function ViewTools() {
  const all = Object.entries(views.value);
  return html`
    <${Menu}
      aria="Views"
      label=${html`<${Icon} name="eye" size=${14} />Views<${Icon} name="chevron" size=${12} />`}
      items=${[
        { label: 'Everybody', onPick: () => show('') },
        ...all.map(([name, query]) => ({ label: name, onPick: () => show(query) })),
        null,
        {
          label: 'Save this view…',
          onPick: () =>
            openDialog({ title: 'Save this view', body: (close) => html`<${SaveForm} close=${close} />` }),
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
        ...all.map(([name]) => ({
          label: `Forget ${name}`,
          danger: true,
          onPick: () => {
            const { [name]: _gone, ...rest } = views.peek();
            views.value = rest;
          },
        })),
        null,
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
