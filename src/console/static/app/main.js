// @ts-check
// The console's beginning: which page the address asks for, and what runs behind all of them.
import { render } from 'preact';
import { effect, untracked } from '@preact/signals';
import { html, lazy } from './ui/html.js';
import { Dialogs, isDialogOpen } from './ui/dialog.js';
import { Toasts } from './ui/toast.js';
import { Shell, home, onLetter } from './ui/shell.js';
import { me, phase, resume } from './session.js';
import { route } from './route.js';
import { zone } from './fmt.js';
import * as alerts from './store/alerts.js';
import * as clock from './store/clock.js';
import * as directory from './store/directory.js';
import * as feed from './store/feed.js';
import * as figures from './store/figures.js';
import * as history from './store/history.js';
import * as views from './store/views.js';
import { selected } from './store/agents.js';
import { limits, shownTheme, zoneChoice } from './store/prefs.js';
import { SignIn } from './pages/signin.js';
import { Live } from './pages/live.js';
import { ViewTools } from './live/editview.js';
import { Drawer } from './live/drawer.js';

effect(() => {
  document.documentElement.dataset['theme'] = shownTheme();
});
effect(() => {
  zone.value = zoneChoice.value === 'site' ? directory.siteZone.value : zoneChoice.value;
});
effect(() => {
  const { seconds, share } = limits.value;
  const other = figures.target.peek().seconds !== seconds;
  figures.target.value = { seconds, share };
  if (other && phase.peek() === 'in') feed.again();
});

/** The floor's data run while somebody is signed in who may see it. */
effect(() => {
  const parts = [directory, feed, figures.source, views],
    isIn = phase.value === 'in';
  untracked(() => parts.forEach((part) => (isIn ? part.start() : part.stop())));
});
setInterval(alerts.sweep, 10_000);
setInterval(() => history.note(clock.second.peek(), `${me.peek()?.account} ${me.peek()?.name}`), 1000);

/** Pages that are fetched when they are first shown. */
const later = {
  welcome: lazy(() => import('./pages/welcome.js'), 'Welcome'),
  desk: lazy(() => import('./pages/desk.js'), 'Desk'),
  start: lazy(() => import('./pages/start.js'), 'Start'),
  staff: lazy(() => import('./pages/staff.js'), 'Staff'),
  wall: lazy(() => import('./pages/wall.js'), 'Wall'),
  call: lazy(() => import('./pages/call.js'), 'CallStory'),
  queue: lazy(() => import('./pages/queue.js'), 'QueuePage'),
  alerts: lazy(() => import('./pages/alerts.js'), 'AlertsPage'),
  crumb: lazy(() => import('./pages/queue.js'), 'QueueCrumb'),
};

function Page() {
  if (route.value.path === '/welcome') return html`<${later.welcome} />`;
  if (phase.value === 'asking')
    return html`<main class="plain" aria-busy="true"><p class="vh" role="status">Loading</p></main>`;
  if (phase.value === 'out') return html`<${SignIn} />`;
  const path = route.value.path === '/' ? home() : route.value.path;
  if (path === '/live')
    return html`
      <${Shell} title="Live" crumb="All queues" tools=${html`<${ViewTools} />`}><${Live} /></>
      <${Drawer} />
    `;
  if (path === '/staff') return html`<${Shell} title="Staff by queue"><${later.staff} /></><${Drawer} />`;
  if (path === '/alerts') return html`<${Shell} title="Alerts"><${later.alerts} /></>`;
  if (path === '/wall') return html`<${later.wall} />`;
  if (path === '/desk') return html`<${Shell} title="My desk"><${later.desk} /></>`;
  if (path === '/start') return html`<${Shell} title="Start"><${later.start} /></>`;
  const [, first, second, third] = path.split('/').map(decodeURIComponent);
  if (first === 'live' && second === 'queue' && third)
    return html`
      <${Shell} title="Live" crumb=${html`<${later.crumb} id=${third} />`}>
        <${later.queue} key=${third} id=${third} />
      </>
      <${Drawer} />
    `;
  if (first === 'calls' && second)
    return html`<${Shell} title="A call's story" live=${false}><${later.call} id=${second} /></>`;
  return html`
    <${Shell} title="Not here" live=${false}>
      <p class="empty">There is no such page. <a class="link" href="/">To the start</a></p>
    </>
  `;
}

/** Opens the palette on Ctrl K or ⌘ K; whether the key was that. @param {KeyboardEvent} e */
function onPalette(e) {
  if (e.key.toLowerCase() !== 'k' || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return false;
  e.preventDefault();
  if (!isDialogOpen()) import('./pages/palette.js').then((m) => m.openPalette());
  return true;
}

addEventListener('keydown', (e) => {
  if (e.defaultPrevented || (phase.peek() === 'in' && onPalette(e)) || isDialogOpen()) return;
  if (e.key === 'Escape' && !(e.target instanceof HTMLInputElement)) selected.value = new Set();
  onLetter(e);
});

render(
  html`<${Page} /><${Dialogs} /><${Toasts} />`,
  /** @type {HTMLElement} */ (document.getElementById('root')),
);
resume();
