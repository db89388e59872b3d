// @ts-check
// What has just been done or could not be, in words; read out once.
import { signal } from '@preact/signals';
import { html } from './html.js';
import { Icon } from './parts.js';

/** @typedef {{ id: number, kind: 'done' | 'failed', text: string, undo: (() => void) | null }} Toast */
const toasts = signal(/** @type {readonly Toast[]} */ ([]));
/** For a screen reader, and nobody else. */
const said = signal('');
let last = 0;

/** @param {string} text @param {{ kind?: 'done' | 'failed', undo?: () => void }} [more] */
export function toast(text, { kind = 'done', undo } = {}) {
  const id = ++last;
  toasts.value = [...toasts.peek().slice(-2), { id, kind, text, undo: undo ?? null }];
  setTimeout(() => drop(id), kind === 'failed' ? 12_000 : 6000);
}
/** @param {number} id */
const drop = (id) => {
  toasts.value = toasts.peek().filter((t) => t.id !== id);
};
/** Reads out, once. @param {string} text */
export const announce = (text) => {
  said.value = '';
  requestAnimationFrame(() => {
    said.value = text;
  });
};

/**
 * Does it, and says how it went.
 * @template T
 * @param {Promise<T>} work
 * @param {string} done '' says nothing
 * @param {string} failed
 * @returns {Promise<T | null>}
 */
export async function told(work, done, failed) {
  try {
    const result = await work;
    if (done) toast(done);
    return result;
  } catch (error) {
    const { message, code } = /** @type {any} */ (error);
    toast(`${failed} ${message}${code ? ` (${code})` : ''}`, { kind: 'failed' });
    return null;
  }
}

export const Toasts = () => html`
  <div class="toasts" role="status">
    ${toasts.value.map(
      (t) => html`
        <div key=${t.id} class=${`toast ${t.kind}`}>
          <${Icon} name=${t.kind === 'done' ? 'check' : 'warn'} />
          <span>${t.text}</span>
          ${
            t.undo &&
            html`
              <button
                type="button"
                class="btn"
                onClick=${() => {
                  t.undo?.();
                  drop(t.id);
                }}
              >
                Undo
              </button>
            `
          }
          <button
            type="button"
            class="iconb small"
            aria-label="Close this message"
            onClick=${() => drop(t.id)}
          >
            <${Icon} name="close" size=${12} />
          </button>
        </div>
      `,
    )}
  </div>
  <div class="vh" aria-live="polite" id="said">${said.value}</div>
`;
