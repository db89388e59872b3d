// @ts-check
// The address says what is shown; nothing else does.
import { signal } from '@preact/signals';

const read = () => ({
  path: location.pathname.replace(/\/+$/, '') || '/',
  query: new URLSearchParams(location.search),
});
export const route = signal(read());

addEventListener('popstate', () => {
  route.value = read();
});

/** @param {string} to @param {{ replace?: boolean }} [how] */
export function go(to, how = {}) {
  history[how.replace ? 'replaceState' : 'pushState'](null, '', to);
  route.value = read();
}

/**
 * Says part of the view in the address, so that it can be kept and shared.
 * @param {Record<string, string>} parts '' takes one out
 */
export function say(parts) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(parts))
    if (value) query.set(name, value);
    else query.delete(name);
  const text = query.toString();
  const to = `${location.pathname}${text ? `?${text}` : ''}`;
  if (to !== location.pathname + location.search) go(to, { replace: true });
}

// Links of the console stay in the page; those with a modifier, or to elsewhere, are the browser's.
addEventListener('click', (e) => {
  if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const link = e.target instanceof Element ? e.target.closest('a[href^="/"]') : null;
  if (!link || link.hasAttribute('download') || link.getAttribute('target')) return;
  e.preventDefault();
  go(link.getAttribute('href') ?? '/');
});
