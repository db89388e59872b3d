// @ts-check
// Small parts that every page uses.
import { html } from './html.js';
import { stateOf, toneAt } from '../store/words.js';

/** 16 px stroke icons, drawn for this console. @type {Record<string, string>} */
const PATHS = {
  live: 'M2 9h3l2-5 3 9 2-4h2',
  board: 'M2.5 3h3.5v10H2.5zM8 3h3v6.5H8zM13 3h.5v8',
  desk:
    'M2.5 9V8a5.5 5.5 0 0 1 11 0v1M2.5 9h2.2v4H3.5a1 1 0 0 1-1-1z' +
    'M13.5 9h-2.2v4h1.2a1 1 0 0 0 1-1zM11.3 13c0 1-1 1.5-2.3 1.5',
  start: 'M4 13.5v-11M4 3h8l-2 2.8L12 8.5H4',
  wall: 'M2 3h12v8.5H2zM6 14h4M8 11.5V14',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5 14 14',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z',
  sun:
    'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.3M8 13.2v1.3' +
    'M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  sound: 'M2.5 6.2v3.6H5L8.5 13V3L5 6.2H2.5ZM11 5.8a3 3 0 0 1 0 4.4M12.8 3.8a6 6 0 0 1 0 8.4',
  mute: 'M2.5 6.2v3.6H5L8.5 13V3L5 6.2H2.5ZM11 6l3.5 4M14.5 6 11 10',
  full: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  close: 'M4 4l8 8M12 4l-8 8',
  up: 'M8 12.5v-9M4.5 7 8 3.5 11.5 7',
  down: 'M8 3.5v9M4.5 9 8 12.5 11.5 9',
  chevron: 'M4.5 6.5 8 10l3.5-3.5',
  right: 'M6.5 4.5 10 8l-3.5 3.5',
  phone:
    'M3 2.8h2.6l1 3-1.6 1.3a8 8 0 0 0 3.9 3.9' +
    'l1.3-1.6 3 1V13c0 .6-.5 1-1 1A10.3 10.3 0 0 1 2 3.8c0-.5.4-1 1-1Z',
  chat: 'M2.5 3.5h11v7.5H7L4 13.5V11H2.5V3.5Z',
  mail: 'M2.5 4h11v8.5h-11V4ZM2.5 4.5 8 9l5.5-4.5',
  bell: 'M4 11V7.5a4 4 0 0 1 8 0V11l1 1.5H3L4 11ZM6.8 14.2h2.4',
  logo: 'M2 5h3.5c4 0 1 6 5 6H14M11.5 8.5 14 11l-2.5 2.5M2 11h2.5M9.5 5H14M11.5 2.5 14 5l-2.5 2.5',
  warn: 'M8 2.5 14.5 13.5h-13L8 2.5ZM8 6.5v3.2M8 11.6v.2',
  star: 'M8 2.2 9.8 6l4.1.5-3 2.9.8 4.1L8 11.5l-3.7 2 .8-4.1-3-2.9L6.2 6 8 2.2Z',
  user: 'M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8ZM3 13.5c0-2.6 2.2-4 5-4s5 1.4 5 4',
  team:
    'M6 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z' +
    'M1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 3.2a2.3 2.3 0 0 1 0 4.5M12.2 9.8c1.5.6 2.3 1.9 2.3 3.7',
  plus: 'M8 3.5v9M3.5 8h9',
  check: 'M3 8.5 6.5 12 13 4.5',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.2 1.5',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  out: 'M9.5 5V3h-7v10h7v-2M6 8h8.5M12 5.5 14.5 8 12 10.5',
  move: 'M2.5 8h11M10 4.5 13.5 8 10 11.5',
  end: 'M2 9.5c3.5-3.5 8.5-3.5 12 0l-1.8 2-2.4-1.2V8.6a8 8 0 0 0-3.6 0v1.7L3.8 11.5z',
  eye: 'M1.5 8s2.5-4.5 6.5-4.5S14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  dots:
    'M2.9 8a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0Z' +
    'M7.4 8a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0ZM11.9 8a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0Z',
  gear: 'M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M10 3.5v3M6 9.5v3',
  question: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.3 6.3A1.8 1.8 0 1 1 8.6 8c-.5.2-.6.5-.6 1M8 11.2v.1',
};
/** @param {{ name: string, size?: number }} p */
export const Icon = ({ name, size = 16 }) =>
  html`
    <svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true">
      <path d=${PATHS[name]} />
    </svg>
  `;
/** @type {Record<string, string>} */
export const MEDIA_ICON = {
  voice: 'phone',
  chat: 'chat',
  email: 'mail',
  sms: 'chat',
  fax: 'mail',
  voicemail: 'phone',
  campaign: 'phone',
};

/**
 * Colour, outline and fill each carry the state: circle, square, diamond, struck ring. One element
 * and no SVG: a row of the grid shows five of them, and they are laid out at every scroll step.
 * @param {{ tone: import('../store/words.js').Tone, solid?: boolean, size?: 8 | 12 }} p
 */
export const Mark = ({ tone, solid = true, size = 12 }) =>
  html`<i class=${`mark ${tone} m${size} ${solid ? 'solid' : ''}`} aria-hidden="true"></i>`;

/** @param {{ tone: number, detail: number, offerable: boolean, reason?: string }} p */
export function Status({ tone, detail, offerable, reason = '' }) {
  const s = stateOf(tone, detail, offerable, reason);
  return html`
    <span class=${`status ${toneAt(tone)}`}><${Mark} tone=${toneAt(tone)} solid=${s.solid} />${s.label}</span>
  `;
}

/** @param {{ name: string, tone?: string }} p */
export const Avatar = ({ name, tone = '' }) =>
  html`
    <span class=${`avatar ${tone}`} aria-hidden="true">
      ${name
        .split(/\s+/)
        .filter(Boolean)
        .map((w) => w[0])
        .filter((_, i, a) => i === 0 || i === a.length - 1)
        .join('')
        .toUpperCase()}
    </span>
  `;

const star = (/** @type {boolean} */ on, /** @type {number} */ i) =>
  html`
    <svg key=${i} width="12" height="12" viewBox="0 0 16 16" class=${on ? 'on' : ''} aria-hidden="true">
      <path d=${PATHS['star']} />
    </svg>
  `;
/**
 * Stars to look at, or, with `onSet`, to set.
 * @param {{ n: number, of?: string, onSet?: (n: number) => void, disabled?: boolean }} p
 */
export function Stars({ n, of = '', onSet, disabled = false }) {
  if (!onSet)
    return html`
      <span class="stars" role="img" aria-label=${`${n} of 4 stars`}>
        ${[1, 2, 3, 4].map((i) => star(i <= n, i))}
      </span>
    `;
  return html`
    <span class="stars set" role="group" aria-label=${`Stars${of && ` in ${of}`}: ${n} of 4`}>
      ${[1, 2, 3, 4].map(
        (i) => html`
          <button
            type="button"
            key=${i}
            disabled=${disabled}
            aria-label=${`${i} ${i === 1 ? 'star' : 'stars'}${of && ` in ${of}`}`}
            aria-pressed=${i === n}
            onClick=${() => onSet(i)}
          >
            ${star(i <= n, i)}
          </button>
        `,
      )}
    </span>
  `;
}

/**
 * @param {{ on: boolean, label: string, disabled?: boolean, title?: string, onSet: (on: boolean) => void }} p
 */
export const Switch = ({ on, label, disabled = false, title, onSet }) =>
  html`
    <button
      type="button"
      class="switch"
      role="switch"
      aria-checked=${on}
      aria-label=${label}
      disabled=${disabled}
      title=${title}
      onClick=${() => onSet(!on)}
    >
      <i></i>
    </button>
  `;

/**
 * A bar of parts in proportion; beside numbers that say the same.
 * @param {{ parts: readonly number[], tall?: boolean }} p in the order of TONES
 */
export const ToneBar = ({ parts, tall = false }) =>
  html`
    <div class=${`bar ${tall ? 'tall' : ''}`} aria-hidden="true">
      ${parts.map((n, i) => n > 0 && html`<i key=${i} class=${toneAt(i)} style=${{ flexGrow: n }}></i>`)}
    </div>
  `;

/** Watch △, act ▲: a shape besides the colour. @param {{ level: number }} p */
export const Flag = ({ level }) =>
  level
    ? html`
        <span class=${`flag f${level}`} role="img" aria-label=${level > 1 ? 'act now' : 'watch'}>
          <svg width="12" height="12" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M8 2 14.5 13.5h-13z" />
          </svg>
        </span>
      `
    : null;

/** @param {{ title: string, children?: any, class?: string, id: string, aside?: any }} p */
export const Panel = ({ title, children, class: cls = '', id, aside }) =>
  html`
    <section class=${`panel ${cls}`} aria-labelledby=${id}>
      <header class="panel-h"><h2 id=${id}>${title}</h2>${aside}</header>
      ${children}
    </section>
  `;

/** @param {{ label: string, children: any, hint?: any }} p */
export const Field = ({ label, children, hint }) =>
  html`
    <label class="field-l"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>
  `;
