// @ts-check
// What a person has set for this browser: theme, sound, limits, views.
import { effect, signal } from '@preact/signals';

/** @template T @param {string} name @param {T} first @returns {import('@preact/signals').Signal<T>} */
function kept(name, first) {
  const key = `callboard.${name}`;
  /** @type {T} */ let start = first;
  try {
    start = JSON.parse(localStorage.getItem(key) ?? 'null') ?? first;
  } catch {
    /* somebody else's: the default */
  }
  const s = signal(start);
  effect(() => {
    localStorage.setItem(key, JSON.stringify(s.value));
  });
  return s;
}

export const theme = kept('theme', /** @type {'auto' | 'light' | 'dark'} */ ('auto'));
/** Which zone: '' the browser's, 'site' the account's, else a name. */
export const zoneChoice = kept('zone', '');
export const sound = kept('sound', false);
/** Single letters as commands; some people's speech input types them. */
export const letters = kept('letters', true);
/** From when on a wait is called out, s; the share and seconds of the service level that is aimed at. */
export const limits = kept('limits', { watchS: 60, actS: 120, seconds: 20, share: 0.8 });
/** Views by name: the query that shows them. */
export const views = kept('views', /** @type {Record<string, string>} */ ({}));

const dark = matchMedia('(prefers-color-scheme: dark)');
const prefersDark = signal(dark.matches);
dark.addEventListener('change', () => {
  prefersDark.value = dark.matches;
});
/** The theme that is shown. */
export const shownTheme = () =>
  theme.value === 'auto' ? (prefersDark.value ? 'dark' : 'light') : theme.value;
