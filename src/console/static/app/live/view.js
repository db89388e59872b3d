// @ts-check
// The live view's address: what is filtered, sorted and open can be kept, shared and come back to.
import { computed, effect, untracked } from '@preact/signals';
import { route, say } from '../route.js';
import * as agents from '../store/agents.js';
import { shown } from '../store/views.js';

/** The agent whose drawer is open, or ''. */
export const openId = computed(() => route.value.query.get('agent') ?? '');
/** @param {string} id */
export const openAgent = (id) => say({ agent: id });
export function closeAgent() {
  say({ agent: '' });
  // Back to where one came from.
  /** @type {HTMLElement | null} */ (
    document.querySelector('.agents .grid') ?? document.querySelector('.grid')
  )?.focus({ preventScroll: true });
}

/** @param {URLSearchParams} query */
export function take(query) {
  agents.search.value = query.get('find') ?? '';
  agents.tones.value = new Set((query.get('show') ?? '').split(',').filter(Boolean));
  agents.team.value = query.get('team') ?? '';
  agents.queue.value = query.get('queue') ?? '';
  agents.skill.value = query.get('skill') ?? '';
  agents.hidden.value = new Set((query.get('hide') ?? '').split(',').filter(Boolean));
  const [key, dir] = (query.get('sort') ?? 'status').split('.');
  agents.sort.value = { key: key || 'status', dir: dir === 'down' ? -1 : 1 };
}

/** Keeps the address as the view is, while the live page is shown. Returns how to stop. */
export function keepAddress() {
  // A view that is opened while the page is shown is taken as one that was come to.
  const stopTaking = effect(() => {
    shown.value;
    untracked(() => take(route.peek().query));
  });
  const stopSaying = effect(() => {
    const { key, dir } = agents.sort.value;
    const parts = {
      find: agents.search.value,
      show: [...agents.tones.value].sort().join(','),
      team: agents.team.value,
      queue: agents.queue.value,
      skill: agents.skill.value,
      hide: [...agents.hidden.value].sort().join(','),
      sort: key === 'status' && dir === 1 ? '' : `${key}${dir < 0 ? '.down' : ''}`,
    };
    // Not read as a signal: only the view's own changes are said.
    queueMicrotask(() => {
      if (route.peek().path === '/live' || route.peek().path === '/') say(parts);
    });
  });
  return () => {
    stopTaking();
    stopSaying();
  };
}
