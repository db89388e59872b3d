// @ts-check
// Ctrl K: go to any queue, agent, team, page or saved view, or do something; by keyboard alone.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Icon } from '../ui/parts.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { PLACES, nextTheme, showKeys } from '../ui/shell.js';
import { link } from '../store/clock.js';
import * as board from '../store/board.js';
import * as directory from '../store/directory.js';
import * as views from '../store/views.js';
import { sound } from '../store/prefs.js';
import { go } from '../route.js';
import { may, signOut } from '../session.js';
import * as actions from '../actions.js';
import { askNotify, logOut } from '../live/bulk.js';
import { askSave } from '../live/editview.js';

/**
 * What can be chosen. `kind` is said after the label; `more` is found, too, and not shown.
 * @typedef {{ id: string, icon: string, label: string, kind: string, more?: string, run: () => void }} Choice
 */

/** At most so many are listed: who wants another one types on. */
const MOST = 12;

/** @returns {Choice[]} */
function pages() {
  const places = PLACES.filter((p) => p.may()).map((p) => ({
    id: `page ${p.path}`,
    icon: p.icon,
    label: p.label,
    kind: 'Page',
    run: () => go(p.path),
  }));
  if (!may('watch')) return places;
  const wall = { id: 'page /wall', icon: 'wall', label: 'Wallboard', kind: 'Page', run: () => go('/wall') };
  return [...places, wall];
}

/** @returns {Choice[]} */
const commands = () => [
  ...(may('watch')
    ? [{ id: 'do save', icon: 'eye', label: 'Save this view…', kind: 'Do', run: askSave }]
    : []),
  { id: 'do theme', icon: 'moon', label: 'Other theme', kind: 'Do', more: 'dark light', run: nextTheme },
  {
    id: 'do sound',
    icon: sound.value ? 'mute' : 'sound',
    label: sound.value ? 'Sounds off' : 'Sounds on',
    kind: 'Do',
    more: 'mute',
    run: () => {
      sound.value = !sound.peek();
    },
  },
  { id: 'do keys', icon: 'dots', label: 'Keys and commands', kind: 'Do', more: 'help', run: showKeys },
  { id: 'do out', icon: 'out', label: 'Sign out', kind: 'Do', run: () => void signOut(false) },
];

/** What can be done with an agent. @param {string} id @param {string} name @returns {Choice[]} */
function deeds(id, name) {
  if (!may('steer') || link.peek() === 'lost') return [];
  const one = (/** @type {string} */ verb, /** @type {string} */ icon, /** @type {() => void} */ run) => ({
    id: `do ${verb} ${id}`,
    icon,
    label: `${verb}: ${name}`,
    kind: 'Do',
    run,
  });
  return [
    one('Make available', 'check', () => void actions.force([id], 'ready')),
    one('Log out', 'out', () => logOut([id])),
    one('Notify', 'bell', () => askNotify([id])),
  ];
}

/** @returns {Choice[]} */
function floor() {
  if (!may('watch')) return [];
  /** @type {Choice[]} */ const found = [];
  for (const id of board.queueIds.peek()) {
    const run = () => go(`/live/queue/${encodeURIComponent(id)}`);
    const kind = board.queues.get(id)?.peek().kind === 'group' ? 'Group' : 'Queue';
    found.push({ id: `queue ${id}`, icon: 'phone', label: directory.queueName(id), kind, more: id, run });
  }
  for (const [id, team] of directory.teams.peek()) {
    const run = () => views.show({ path: `/live?team=${encodeURIComponent(id)}` });
    found.push({ id: `team ${id}`, icon: 'team', label: team.name, kind: 'Team', more: id, run });
  }
  for (let i = 0; i < board.size(); i++) {
    const id = board.idAt(i);
    if (!id) continue;
    const run = () => go(`/live?agent=${encodeURIComponent(id)}`);
    const more = `${id} ${directory.users.peek().get(id)?.extension ?? ''}`;
    found.push({ id: `agent ${id}`, icon: 'user', label: board.nameAt(i), kind: 'Agent', more, run });
  }
  return found;
}

/** @returns {Choice[]} */
const saved = () =>
  views.list.value.map((view) => ({
    id: `view ${view.user} ${view.id}`,
    icon: 'eye',
    label: view.name,
    kind: view.own ? 'View' : `View of ${view.user_name ?? view.user}`,
    run: () => views.show(view),
  }));

/**
 * How well it fits: all words must be found; 0 is best, a beginning is better than an inside.
 * @param {Choice} c
 * @param {readonly string[]} words
 */
function fit(c, words) {
  const label = c.label.toLowerCase(),
    rest = `${c.kind} ${c.more ?? ''}`.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const at = label.indexOf(word);
    if (at === 0) continue;
    if (at > 0) sum += /\s/.test(label[at - 1] ?? '') ? 1 : 2;
    else if (rest.includes(word)) sum += 3;
    else return -1;
  }
  return sum;
}

/** @param {string} text @param {readonly Choice[]} all @returns {readonly Choice[]} */
function fitting(text, all) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [...pages(), ...saved(), ...commands()].slice(0, MOST);
  const ranked = (/** @type {readonly Choice[]} */ from, by = words) =>
    from
      .map((c) => ({ c, sum: fit(c, by) }))
      .filter((r) => r.sum >= 0)
      .sort(
        (a, b) => a.sum - b.sum || a.c.label.length - b.c.label.length || (a.c.label < b.c.label ? -1 : 1),
      )
      .map((r) => r.c);
  const found = ranked(all).slice(0, MOST);
  // "log out ann": what can be done with who is found by the words that are no verb.
  const verbs = /^(make available|available|log out|logout|notify)\s+/i;
  const name = text.trim().replace(verbs, '').toLowerCase().split(/\s+/).filter(Boolean);
  const isDeed = verbs.test(text.trim());
  const agents = all.filter((c) => c.id.startsWith('agent '));
  const best = ranked(agents, name).slice(0, isDeed ? 4 : 1);
  const acts = best.flatMap((c) => deeds(c.id.slice(6), c.label));
  if (isDeed) return [...ranked(acts), ...found].slice(0, MOST);
  return [...found.slice(0, MOST - acts.length), ...acts];
}

function Palette() {
  const text = useSignal(''),
    at = useSignal(0),
    all = useSignal(/** @type {readonly Choice[]} */ ([]));
  useEffect(() => {
    all.value = [...pages(), ...saved(), ...floor(), ...commands()];
  }, []);
  const shown = fitting(text.value, all.value),
    chosen = Math.min(at.value, shown.length - 1);
  const run = (/** @type {Choice | undefined} */ c) => {
    if (!c) return;
    closeDialog();
    // Closed first: what it opens may be a dialog, too.
    setTimeout(c.run);
  };
  const onKey = (/** @type {KeyboardEvent} */ e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && shown.length) at.value = (chosen + step + shown.length) % shown.length;
    else if (e.key === 'Enter') run(shown[chosen]);
    else return;
    e.preventDefault();
  };
  return html`
    <div class="palette">
      <input
        type="text"
        role="combobox"
        aria-label="Go to, or do"
        aria-expanded="true"
        aria-controls="palette-l"
        aria-activedescendant=${shown[chosen] ? `palette-${chosen}` : undefined}
        aria-autocomplete="list"
        autocomplete="off"
        spellcheck="false"
        autofocus
        placeholder="A queue, an agent, a team, a page, a view …"
        value=${text.value}
        onInput=${(/** @type {any} */ e) => {
          text.value = e.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown=${onKey}
      />
      <ul id="palette-l" role="listbox" aria-label="Found">
        ${shown.map(
          (c, i) => html`
            <li
              key=${c.id}
              id=${`palette-${i}`}
              role="option"
              aria-selected=${i === chosen ? 'true' : 'false'}
              onPointerMove=${() => {
                at.value = i;
              }}
              onClick=${() => run(c)}
            >
              <${Icon} name=${c.icon} size=${14} />
              <b>${c.label}</b>
              <span class="muted">${c.kind}</span>
            </li>
          `,
        )}
      </ul>
      <p class="vh" role="status">${shown.length ? `${shown.length} found` : 'Nothing found'}</p>
      ${!shown.length && html`<p class="muted" aria-hidden="true">Nothing of that name.</p>`}
    </div>
  `;
}

export const openPalette = () =>
  openDialog({ title: 'Go to or do', wide: true, body: () => html`<${Palette} />` });
