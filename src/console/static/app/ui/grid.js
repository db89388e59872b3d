// @ts-check
// A table of any length with a screenful of rows in the document. Focus stays on the grid itself;
// aria-activedescendant says which row is meant, so that nothing is lost when a row leaves the page.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { html, pure } from './html.js';
import { Icon } from './parts.js';

export const ROW = 34;
const OVERSCAN = 4;

/**
 * @typedef {{ key: string, label: any, name?: string, cls?: string, sort?: boolean, cell: (row: any, now:
 *   number) => any }} Column
 * @typedef {{
 *   id: string, label: string, columns: readonly Column[], template: string, rows: ArrayLike<any>,
 *   keyOf: (row: any) => string, version: (row: any) => number, now: number,
 *   active: string, onActive: (id: string) => void, onOpen?: (id: string) => void,
 * selected?: ReadonlySet<string> | null, onToggle?: (id: string) => void, onSelect?: (ids: readonly string[])
 * => void,
 * sort?: { key: string, dir: number }, onSort?: (key: string) => void, onHold?: (held: boolean, forMs?:
 * number) => void, empty: any,
 * }} GridProps
 */

/**
 * `version` and `now` are there to be compared: with the rest they say whether anything in the row can
 * differ.
 */
const Row = pure(
  (/** @type {any} */ { row, id, dom, at, now, picked, active, columns, selectable, template }) =>
    html`
      <div
        role="row"
        id=${dom}
        aria-rowindex=${at + 2}
        aria-selected=${selectable ? picked : active}
        class=${`row ${active ? 'active' : ''} ${picked ? 'picked' : ''}`}
        data-id=${id}
        style=${{ top: `${at * ROW}px`, gridTemplateColumns: template }}
      >
        ${columns.map(
          (/** @type {Column} */ c) =>
            html`
              <div role="gridcell" key=${c.key} class=${`c-${c.key} ${c.cls ?? ''}`}>${c.cell(row, now)}</div>
            `,
        )}
      </div>
    `,
);

/** @param {GridProps} p */
export function Grid(p) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const top = useSignal(0),
    height = useSignal(600);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const fit = new ResizeObserver(() => {
      height.value = el.clientHeight;
    });
    fit.observe(el);
    return () => fit.disconnect();
  }, []);
  const { rows, keyOf } = p,
    n = rows.length;
  const first = Math.max(0, Math.floor(top.value / ROW) - OVERSCAN),
    last = Math.min(n, Math.ceil((top.value + height.value) / ROW) + OVERSCAN);
  const pool = Math.ceil(height.value / ROW) + 2 * OVERSCAN + 1;
  const shown = [];
  for (let at = first; at < last; at++) {
    const row = rows[at],
      id = keyOf(row);
    shown.push(html`
      <${Row}
        key=${at % pool}
        row=${row}
        id=${id}
        dom=${`${p.id}-${id}`}
        at=${at}
        version=${p.version(row)}
        now=${p.now}
        picked=${p.selected?.has(id) ?? false}
        active=${id === p.active}
        columns=${p.columns}
        selectable=${!!p.selected}
        template=${p.template}
      />
    `);
  }
  const ids = () => Array.from(/** @type {ArrayLike<any>} */ (rows), keyOf);

  /** @param {KeyboardEvent} e */
  function onKey(e) {
    const el = /** @type {HTMLDivElement} */ (box.current);
    const all = ids(),
      at = all.indexOf(p.active),
      page = Math.max(1, Math.floor(el.clientHeight / ROW) - 2);
    /** @type {Record<string, number>} */
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: n - 1,
    };
    const next = to[e.key];
    // The keyboard's row must not wander off either, for a while.
    p.onHold?.(true, 4000);
    if (next !== undefined && n) {
      const i = Math.max(0, Math.min(n - 1, next)),
        id = all[i] ?? '';
      p.onActive(id);
      if (e.shiftKey && p.onToggle && !p.selected?.has(id)) p.onToggle(id);
      e.preventDefault();
      if (i * ROW < el.scrollTop) el.scrollTop = i * ROW;
      else if ((i + 2) * ROW > el.scrollTop + el.clientHeight) el.scrollTop = (i + 2) * ROW - el.clientHeight;
    } else if (e.key === ' ' && at >= 0 && p.onToggle) {
      p.onToggle(p.active);
      e.preventDefault();
    } else if (e.key === 'Enter' && at >= 0) {
      p.onOpen?.(p.active);
      e.preventDefault();
    } else if (e.key === 'a' && (e.ctrlKey || e.metaKey) && p.onSelect) {
      p.onSelect(all);
      e.preventDefault();
    }
  }

  /** @param {MouseEvent} e */
  function onClick(e) {
    const target = /** @type {Element} */ (e.target);
    if (target.closest('button, a, select, input')) return;
    const row = target.closest('[data-id]');
    const id = row instanceof HTMLElement ? (row.dataset['id'] ?? '') : '';
    if (!id) return;
    p.onActive(id);
    if (p.onToggle && (target.closest('.c-pick') || e.metaKey || e.ctrlKey)) p.onToggle(id);
    else p.onOpen?.(id);
  }

  const present = p.active && shown.length ? document.getElementById(`${p.id}-${p.active}`) : null;
  return html`
    <div
      class="grid"
      ref=${box}
      tabindex="0"
      role="grid"
      aria-label=${p.label}
      aria-rowcount=${n + 1}
      aria-multiselectable=${p.selected ? true : undefined}
      aria-activedescendant=${present ? `${p.id}-${p.active}` : undefined}
      onScroll=${(/** @type {any} */ e) => {
        top.value = e.currentTarget.scrollTop;
      }}
      onKeyDown=${onKey}
      onClick=${onClick}
      onPointerEnter=${() => p.onHold?.(true)}
      onPointerLeave=${() => p.onHold?.(false)}
    >
      <div class="head" role="rowgroup">
        <div role="row" aria-rowindex="1" style=${{ gridTemplateColumns: p.template }}>
          ${p.columns.map(
            (c) => html`
              <div
                role="columnheader"
                key=${c.key}
                class=${`c-${c.key} ${c.cls ?? ''}`}
                aria-sort=${p.sort?.key === c.key ? (p.sort.dir > 0 ? 'ascending' : 'descending') : undefined}
              >
                ${
                  c.sort && p.onSort
                    ? html`
                        <button type="button" title=${c.name} onClick=${() => p.onSort?.(c.key)}>
                          ${c.label}
                          ${
                            p.sort?.key === c.key &&
                            html`<${Icon} name=${p.sort.dir > 0 ? 'up' : 'down'} size=${11} />`
                          }
                        </button>
                      `
                    : c.label || html`<span class="vh">${c.name}</span>`
                }
              </div>
            `,
          )}
        </div>
      </div>
      ${
        n
          ? html`<div role="rowgroup" class="rows" style=${{ height: `${n * ROW}px` }}>${shown}</div>`
          : html`
              <div role="rowgroup">
                <div role="row"><div role="gridcell" class="empty">${p.empty}</div></div>
              </div>
            `
      }
    </div>
  `;
}
