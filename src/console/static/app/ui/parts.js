// @ts-check
// Small parts that every page uses.
import { html } from './html.js';
import { stateOf, toneAt } from '../store/words.js';

/** 16 px stroke icons, drawn for this console. @type {Record<string, string>} */
const PATHS = {
  live: 'M2 9h3l2-5 3 9 2-4h2', board: 'M2.5 3h3.5v10H2.5zM8 3h3v6.500H8zM13 3h.5v8', desk: 'M2.5 9V8a5.500 5.500 0 0 1 11 0v1M2.500 9h2.200v4H3.500a1 1 0 0 1-1-1zM13.500 9h-2.200v4h1.200a1 1 0 0 0 1-1zM11.300 13c0 1-1 1.500-2.300 1.500',
  start: 'M4 13.500v-11M4 3h8l-2 2.800L12 8.500H4', wall: 'M2 3h12v8.500H2zM6 14h4M8 11.500V14',
  search: 'M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM10.500 10.500 14 14', moon: 'M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500Z',
  sun: 'M8 10.800a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600ZM8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M12.600 3.400l-.9.9M4.300 11.700l-.9.9',
  sound: 'M2.500 6.200v3.600H5L8.500 13V3L5 6.200H2.500ZM11 5.800a3 3 0 0 1 0 4.400M12.800 3.800a6 6 0 0 1 0 8.400', mute: 'M2.500 6.200v3.600H5L8.500 13V3L5 6.200H2.500ZM11 6l3.500 4M14.500 6 11 10',
  full: 'M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10', close: 'M4 4l8 8M12 4l-8 8', up: 'M8 12.500v-9M4.500 7 8 3.500 11.500 7', down: 'M8 3.500v9M4.500 9 8 12.500 11.500 9',
  chevron: 'M4.500 6.500 8 10l3.500-3.500', right: 'M6.500 4.500 10 8l-3.500 3.500', phone: 'M3 2.800h2.600l1 3-1.600 1.300a8 8 0 0 0 3.900 3.900l1.300-1.600 3 1V13c0 .6-.5 1-1 1A10.300 10.300 0 0 1 2 3.800c0-.5.4-1 1-1Z',
  chat: 'M2.500 3.500h11v7.500H7L4 13.500V11H2.500V3.500Z', mail: 'M2.500 4h11v8.500h-11V4ZM2.500 4.500 8 9l5.500-4.500', bell: 'M4 11V7.500a4 4 0 0 1 8 0V11l1 1.500H3L4 11ZM6.800 14.200h2.400',
  logo: 'M2 5h3.500c4 0 1 6 5 6H14M11.500 8.500 14 11l-2.500 2.500M2 11h2.500M9.500 5H14M11.500 2.500 14 5l-2.500 2.500', warn: 'M8 2.500 14.500 13.500h-13L8 2.500ZM8 6.500v3.200M8 11.600v.2',
  star: 'M8 2.200 9.800 6l4.100.5-3 2.900.8 4.100L8 11.500l-3.700 2 .8-4.100-3-2.900L6.200 6 8 2.200Z', user: 'M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8ZM3 13.500c0-2.600 2.200-4 5-4s5 1.400 5 4',
  team: 'M6 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM1.500 13.500c0-2.500 2-4 4.500-4s4.500 1.500 4.500 4M10.500 3.200a2.300 2.300 0 0 1 0 4.500M12.200 9.800c1.500.6 2.300 1.900 2.300 3.700',
  plus: 'M8 3.500v9M3.500 8h9', check: 'M3 8.500 6.500 12 13 4.500', clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.800V8l2.200 1.500', pause: 'M5.500 3.500v9M10.500 3.500v9', out: 'M9.500 5V3h-7v10h7v-2M6 8h8.500M12 5.500 14.500 8 12 10.500',
  move: 'M2.500 8h11M10 4.500 13.500 8 10 11.500', end: 'M2 9.500c3.500-3.500 8.500-3.500 12 0l-1.800 2-2.400-1.200V8.600a8 8 0 0 0-3.600 0v1.700L3.800 11.500z', eye: 'M1.500 8s2.500-4.500 6.500-4.500S14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  dots: 'M3.500 8h.01M8 8h.01M12.500 8h.01', gear: 'M2.500 5h6M11.500 5h2M2.500 11h2M7.500 11h6M10 3.500v3M6 9.500v3', question: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.300 6.300A1.800 1.800 0 1 1 8.600 8c-.5.200-.6.500-.6 1M8 11.200v.1',
};
/** @param {{ name: string, size?: number }} p */
export const Icon = ({ name, size = 16 }) => html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
/** @type {Record<string, string>} */
export const MEDIA_ICON = { voice: 'phone', chat: 'chat', email: 'mail', sms: 'chat', fax: 'mail', voicemail: 'phone', campaign: 'phone' };

/**
 * Colour, outline and fill each carry the state: circle, square, diamond, struck ring. One element
 * and no SVG: a row of the grid shows five of them, and they are laid out at every scroll step.
 * @param {{ tone: import('../store/words.js').Tone, solid?: boolean, size?: 8 | 12 }} p
 */
export const Mark = ({ tone, solid = true, size = 12 }) => html`<i class=${`mark ${tone} m${size} ${solid ? 'solid' : ''}`} aria-hidden="true"></i>`;

/** @param {{ tone: number, detail: number, offerable: boolean, reason?: string }} p */
export function Status({ tone, detail, offerable, reason = '' }) {
  const s = stateOf(tone, detail, offerable, reason);
  return html`<span class=${`status ${toneAt(tone)}`}><${Mark} tone=${toneAt(tone)} solid=${s.solid} />${s.label}</span>`;
}

/** @param {{ name: string, tone?: string }} p */
export const Avatar = ({ name, tone = '' }) =>
  html`<span class=${`avatar ${tone}`} aria-hidden="true">${name.split(/\s+/).filter(Boolean).map((w) => w[0]).filter((_, i, a) => i === 0 || i === a.length - 1).join('').toUpperCase()}</span>`;

const star = (/** @type {boolean} */ on, /** @type {number} */ i) => html`<svg key=${i} width="12" height="12" viewBox="0 0 16 16" class=${on ? 'on' : ''} aria-hidden="true"><path d=${PATHS['star']} /></svg>`;
/** Stars to look at, or, with `onSet`, to set. @param {{ n: number, of?: string, onSet?: (n: number) => void, disabled?: boolean }} p */
export function Stars({ n, of = '', onSet, disabled = false }) {
  if (!onSet) return html`<span class="stars" role="img" aria-label=${`${n} of 4 stars`}>${[1, 2, 3, 4].map((i) => star(i <= n, i))}</span>`;
  return html`<span class="stars set" role="group" aria-label=${`Stars${of && ` in ${of}`}: ${n} of 4`}>${[1, 2, 3, 4].map((i) => html`<button type="button" key=${i} disabled=${disabled}
    aria-label=${`${i} ${i === 1 ? 'star' : 'stars'}${of && ` in ${of}`}`} aria-pressed=${i === n} onClick=${() => onSet(i)}>${star(i <= n, i)}</button>`)}</span>`;
}

/** @param {{ on: boolean, label: string, disabled?: boolean, title?: string, onSet: (on: boolean) => void }} p */
export const Switch = ({ on, label, disabled = false, title, onSet }) =>
  html`<button type="button" class="switch" role="switch" aria-checked=${on} aria-label=${label} disabled=${disabled} title=${title} onClick=${() => onSet(!on)}><i></i></button>`;

/** A bar of parts in proportion; beside numbers that say the same. @param {{ parts: readonly number[], tall?: boolean }} p in the order of TONES */
export const ToneBar = ({ parts, tall = false }) => html`<div class=${`bar ${tall ? 'tall' : ''}`} aria-hidden="true">${parts.map((n, i) => n > 0 && html`<i key=${i} class=${toneAt(i)} style=${{ flexGrow: n }}></i>`)}</div>`;

/** Watch △, act ▲: a shape besides the colour. @param {{ level: number }} p */
export const Flag = ({ level }) => (level ? html`<span class=${`flag f${level}`} role="img" aria-label=${level > 1 ? 'act now' : 'watch'}><svg width="12" height="12" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2 14.500 13.500h-13z" /></svg></span>` : null);

/** @param {{ title: string, children?: any, class?: string, id: string, aside?: any }} p */
export const Panel = ({ title, children, class: cls = '', id, aside }) =>
  html`<section class=${`panel ${cls}`} aria-labelledby=${id}><header class="panel-h"><h2 id=${id}>${title}</h2>${aside}</header>${children}</section>`;

/** @param {{ label: string, children: any, hint?: any }} p */
export const Field = ({ label, children, hint }) => html`<label class="field-l"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;
