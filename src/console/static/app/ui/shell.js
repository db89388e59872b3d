// @ts-check
// What stands around every page: navigation, freshness, the person's own settings.
import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';
import { html } from './html.js';
import { Icon } from './parts.js';
import { Menu, openDialog } from './dialog.js';
import { duration, time, zoneName } from '../fmt.js';
import { ROLES } from '../store/words.js';
import { open } from '../store/alerts.js';
import { asOf, caughtUpAt, link, lostAt, second } from '../store/clock.js';
import * as directory from '../store/directory.js';
import { letters, shownTheme, sound, theme, zoneChoice } from '../store/prefs.js';
import { go, route } from '../route.js';
import { may, me, signOut, switchAccount } from '../session.js';
import { nextTry, reconnect } from '../store/feed.js';

/** @typedef {{ path: string, icon: string, label: string, may: () => boolean }} Place */
/** @type {readonly Place[]} */
export const PLACES = [
  { path: '/live', icon: 'live', label: 'Live', may: () => may('watch') },
  { path: '/staff', icon: 'board', label: 'Staff', may: () => may('watch') },
  { path: '/alerts', icon: 'bell', label: 'Alerts', may: () => may('watch') },
  {
    path: '/desk',
    icon: 'desk',
    label: 'My desk',
    may: () => may('work') && !!me.value?.user && !!me.value.session,
  },
  {
    path: '/start',
    icon: 'start',
    label: 'Start',
    may: () => may('users') && may('queues') && directory.known.value && directory.queues.value.size === 0,
  },
];
/** Where one arrives. */
export const home = () => PLACES.find((p) => p.may())?.path ?? '/desk';

function Rail() {
  const at = route.value.path;
  return html`
    <nav class="rail" aria-label="Main">
      <a class="brand" href="/" aria-label="Callboard, start page"><${Icon} name="logo" size=${20} /></a>
      ${PLACES.filter((p) => p.may()).map(
        (p) =>
          html`
            <a
              key=${p.path}
              href=${p.path}
              aria-current=${at === p.path || at.startsWith(`${p.path}/`) || (at === '/' && p.path === home())
                ? 'page'
                : undefined}
            >
              <${Icon} name=${p.icon} size=${18} />
              <span>${p.label}</span>
              ${
                p.path === '/alerts' &&
                open.value.length > 0 &&
                html`<b class="count">${open.value.length}<span class="vh">${' '}open</span></b>`
              }
            </a>
          `,
      )}
    </nav>
  `;
}

const SAYS = { connecting: 'Connecting', live: 'Live', late: 'Late', lost: 'Not live' };
export function Freshness() {
  const state = link.value;
  return html`
    <span class=${`fresh ${state}`} title="Time of the newest data on this page">
      <i></i>
      ${SAYS[state]} <span>as of <time>${asOf.value ? time(asOf.value) : '–'}</time></span>
    </span>
  `;
}

/** Hundreds of zones are in the document once somebody reaches for them. */
const reached = signal(false);
const zones = () => /** @type {any} */ (Intl).supportedValuesOf?.('timeZone') ?? ['UTC'];
function ZonePicker() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return html`
    <label class="pick zone">
      <span class="vh">Time zone</span>
      <select
        value=${zoneChoice.value}
        title=${`Times are shown in ${zoneName()}`}
        onFocus=${() => {
          reached.value = true;
        }}
        onPointerDown=${() => {
          reached.value = true;
        }}
        onChange=${(/** @type {any} */ e) => {
          zoneChoice.value = e.currentTarget.value;
        }}
      >
        <option value="">Mine: ${own}</option>
        ${directory.siteZone.value && html`<option value="site">Site: ${directory.siteZone.value}</option>`}
        <optgroup label="All">
          ${(reached.value ? zones() : [zoneChoice.value].filter((z) => z && z !== 'site')).map(
            (/** @type {string} */ z) => html`<option key=${z} value=${z}>${z}</option>`,
          )}
        </optgroup>
      </select>
    </label>
  `;
}

const KEYS = [
  ['Ctrl K', 'Go to a queue, an agent, a team, a page or a view; or do something'],
  ['/', 'Find agents'],
  ['↑ ↓ PgUp PgDn Home End', 'Move in a list'],
  ['Space', 'Select the row'],
  ['Ctrl A', 'Select all rows'],
  ['Enter', 'Open the row'],
  ['Esc', 'Close, clear'],
  ['g l', 'Go to Live'],
  ['g s', 'Go to Staff'],
  ['g a', 'Go to Alerts'],
  ['g d', 'Go to My desk'],
  ['t', 'Next theme'],
  ['m', 'Mute or unmute'],
  ['?', 'This list'],
];
export const showKeys = () =>
  openDialog({
    title: 'Keys',
    body: () => html`
      <dl class="keys">
        ${KEYS.map(
          ([k, what]) =>
            html`
              <div key=${k}>
                <dt>${(k ?? '').split(' ').map((one) => html`<kbd>${one}</kbd>${' '}`)}</dt>
                <dd>${what}</dd>
              </div>
            `,
        )}
      </dl>
      <label class="check-l">
        <input
          type="checkbox"
          checked=${letters.value}
          onChange=${(/** @type {any} */ e) => {
            letters.value = e.currentTarget.checked;
          }}
        />
        ${' '}Single letters are commands
      </label>
    `,
  });

function Person() {
  const who = me.value;
  if (!who) return null;
  const user = who.user ? directory.users.value.get(who.user) : undefined,
    name = user?.name ?? who.name;
  const others = who.accounts.filter((a) => a.account !== who.account && a.state === 'active');
  return html`
    <${Menu}
      class="me"
      aria="You"
      label=${html`
        <span class="vh">${name}, ${ROLES[who.role] ?? who.role}, account ${who.account}</span>
        <span aria-hidden="true">
          ${name
            .split(/[\s_]+/)
            .map((w) => w[0])
            .slice(0, 2)
            .join('')
            .toUpperCase()}
        </span>
      `}
      items=${[
        {
          label: html`
            <span>
              <b>${name}</b>
              <br />
              <span class="muted">${ROLES[who.role] ?? who.role} · ${who.account}</span>
            </span>
          `,
          onPick: () => {},
          disabled: true,
        },
        null,
        ...others.map((a) => ({
          label: `Go to account ${a.account}`,
          onPick: () => switchAccount(a.account),
        })),
        { label: 'Keys and commands', onPick: showKeys },
        null,
        { label: html`<${Icon} name="out" size=${14} />Sign out`, onPick: () => signOut(false) },
        ...(who.session
          ? [
              {
                label: 'Sign out everywhere',
                onPick: () => signOut(true),
                title: 'Ends all your sessions, in every browser',
              },
            ]
          : []),
      ]}
    />
  `;
}

export const nextTheme = () => {
  theme.value = shownTheme() === 'dark' ? 'light' : 'dark';
};

/** @param {{ title: any, crumb?: any, tools?: any, live?: boolean }} p */
function TopBar({ title, crumb, tools, live = true }) {
  return html`
    <header class="top">
      <h1>${title}</h1>
      ${crumb && html`<span class="crumb">${crumb}</span>`}
      ${live && html`<${Freshness} />`}
      <span class="grow"></span>
      ${tools}
      <${ZonePicker} />
      <button
        type="button"
        class="iconb"
        aria-label="Sounds"
        aria-pressed=${sound.value}
        title=${sound.value ? 'Sounds are on' : 'Sounds are off'}
        onClick=${() => {
          sound.value = !sound.peek();
        }}
      >
        <${Icon} name=${sound.value ? 'sound' : 'mute'} />
      </button>
      <button
        type="button"
        class="iconb"
        aria-label="Dark theme"
        aria-pressed=${shownTheme() === 'dark'}
        onClick=${nextTheme}
      >
        <${Icon} name=${shownTheme() === 'dark' ? 'sun' : 'moon'} />
      </button>
      <${Person} />
    </header>
  `;
}

function Banner() {
  if (caughtUpAt.value)
    return html`
      <div class="banner back" role="status">
        <${Icon} name="check" />Caught up at ${time(caughtUpAt.value)}
      </div>
    `;
  if (link.value !== 'lost') return null;
  second.value;
  const left = Math.max(0, (nextTry() - Date.now()) / 1000);
  return html`
    <div class="banner" role="alert">
      <${Icon} name="warn" />
      <b>Connection lost.</b> <span>These numbers stopped at ${time(asOf.value)}.</span>
      ${' '}
      <span class="num" aria-hidden="true">
        Trying again (${duration((Date.now() - lostAt.value) / 1000)}
        ${left > 1 ? `, next in ${Math.ceil(left)} s` : ''})
      </span>
      <button type="button" class="btn" onClick=${reconnect}>Reconnect now</button>
    </div>
  `;
}

let g = 0;
/** @param {KeyboardEvent} e */
export function onLetter(e) {
  const typing =
    e.target instanceof HTMLElement &&
    (e.target.matches('input, textarea, select, [contenteditable]') ||
      e.target.closest('dialog, [role=menu]'));
  if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
  if (!letters.peek()) return;
  const soon = Date.now() - g < 1200;
  g = 0;
  if (soon && e.key === 'l' && may('watch')) return go('/live');
  if (soon && e.key === 's' && may('watch')) return go('/staff');
  if (soon && e.key === 'a' && may('watch')) return go('/alerts');
  if (soon && e.key === 'd' && may('work')) return go('/desk');
  if (e.key === 'g') g = Date.now();
  else if (e.key === '/') {
    const find = document.getElementById('find');
    if (find) {
      find.focus();
      e.preventDefault();
    }
  } else if (e.key === '?') showKeys();
  else if (e.key === 't') nextTheme();
  else if (e.key === 'm') sound.value = !sound.peek();
}

/** @param {{ title: string, crumb?: any, tools?: any, live?: boolean, class?: string, children?: any }} p */
export function Shell({ title, crumb, tools, live = true, class: cls = '', children }) {
  useEffect(() => {
    document.title = `${title} · Callboard`;
  }, [title]);
  return html`
    <div class=${`app ${live ? link.value : ''}`}>
      <a
        class="skip"
        href="#main"
        onClick=${(/** @type {Event} */ e) => {
          e.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to the page
      </a>
      <${Rail} />
      <div class="page">
        <${TopBar} title=${title} crumb=${crumb} tools=${tools} live=${live} />
        ${live && html`<${Banner} />`}
        <main id="main" tabindex="-1" class=${cls}>${children}</main>
      </div>
    </div>
  `;
}
