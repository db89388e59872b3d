// @ts-check
// Dialogs and menus: the browser's own <dialog> keeps focus inside and gives it back.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { signal } from '@preact/signals';
import { html } from './html.js';
import { Icon } from './parts.js';

/** @typedef {{ title: string, body: (close: () => void) => any, wide?: boolean }} Asked */
const asked = signal(/** @type {Asked | null} */ (null));
/** @param {Asked} what */
export const openDialog = (what) => {
  asked.value = what;
};
export const closeDialog = () => {
  asked.value = null;
};
/** Whether a dialog is open: keys of the page then mean nothing. */
export const isDialogOpen = () => asked.peek() !== null;

export function Dialogs() {
  const what = asked.value;
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    if (what && box.current && !box.current.open) box.current.showModal();
  }, [what]);
  if (!what) return null;
  return html`
    <dialog
      ref=${box}
      class=${what.wide ? 'wide' : ''}
      aria-labelledby="dialog-h"
      onClose=${closeDialog}
      onClick=${(/** @type {any} */ e) => {
        if (e.target === box.current) closeDialog();
      }}
    >
      <div class="dialog">
        <header>
          <h2 id="dialog-h">${what.title}</h2>
          <button type="button" class="iconb" aria-label="Close" onClick=${closeDialog}>
            <${Icon} name="close" />
          </button>
        </header>
        ${what.body(closeDialog)}
      </div>
    </dialog>
  `;
}

/**
 * A button with a menu under it. @param {{ label: any, items: readonly ({ label: any, onPick: () => void,
 * disabled?: boolean, title?: string | undefined, danger?: boolean } | null)[], class?: string, title?:
 * string, aria?: string, disabled?: boolean, up?: boolean }} p
 */
export function Menu({ label, items, class: cls = 'btn', title, aria, disabled = false, up = false }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const open = useRef(signal(false)).current;
  const close = (/** @type {boolean} */ back) => {
    open.value = false;
    if (back) box.current?.querySelector('button')?.focus();
  };
  useEffect(() => {
    const outside = (/** @type {Event} */ e) => {
      if (!box.current?.contains(/** @type {Node} */ (e.target))) close(false);
    };
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, []);
  // At once: the next key may be on its way already.
  useLayoutEffect(() => {
    if (open.value)
      /** @type {HTMLElement | null} */ (
        box.current?.querySelector('[role=menuitem]:not([disabled])') ?? null
      )?.focus();
  }, [open.value]);
  const onKey = (/** @type {KeyboardEvent} */ e) => {
    if (!open.peek()) return;
    const all = [
      .../** @type {NodeListOf<HTMLElement>} */ (
        /** @type {HTMLElement} */ (box.current).querySelectorAll('[role=menuitem]:not([disabled])')
      ),
    ];
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[e.key];
    if (to !== undefined) {
      all[to % all.length]?.focus();
      e.preventDefault();
      e.stopPropagation();
    }
    if (e.key === 'Escape') {
      close(true);
      e.preventDefault();
      e.stopPropagation();
    }
    if (e.key === 'Tab') close(false);
  };
  return html`
    <div class=${`menu ${up ? 'up' : ''}`} ref=${box} onKeyDown=${onKey}>
      <button
        type="button"
        class=${cls}
        aria-haspopup="menu"
        aria-expanded=${open.value}
        title=${title}
        disabled=${disabled}
        onClick=${() => {
          open.value = !open.peek();
        }}
      >
        ${label}
      </button>
      ${
        open.value &&
        html`
          <div role="menu" class="menu-items" aria-label=${aria ?? title ?? 'Choices'}>
            ${items.map((item, i) =>
              item === null
                ? html`<hr key=${i} role="separator" />`
                : html`
                    <button
                      type="button"
                      role="menuitem"
                      key=${i}
                      tabindex="-1"
                      class=${item.danger ? 'danger' : ''}
                      disabled=${item.disabled}
                      title=${item.title}
                      onClick=${() => {
                        close(true);
                        item.onPick();
                      }}
                    >
                      ${item.label}
                    </button>
                  `,
            )}
          </div>
        `
      }
    </div>
  `;
}

/**
 * Asks before what cannot be undone; the button repeats the verb.
 * @param {{ title: string, text: any, verb: string, onYes: () => void }} p
 */
export const confirm = ({ title, text, verb, onYes }) =>
  openDialog({
    title,
    body: (close) => html`
      <p>${text}</p>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button
          type="button"
          class="btn danger"
          onClick=${() => {
            close();
            onYes();
          }}
        >
          ${verb}
        </button>
      </footer>
    `,
  });
