// @ts-check
import { Component, h } from 'preact';
import { signal } from '@preact/signals';
import htm from 'htm';

/** Templates without a build step. @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));

/**
 * Renders again only when one of its props has changed.
 * @template {object} P
 * @param {(props: P) => any} View
 * @returns {any}
 */
export function pure(View) {
  return class extends /** @type {any} */ (Component) {
    /** @param {Record<string, unknown>} next */
    shouldComponentUpdate(next) {
      for (const k in next) if (next[k] !== this.props[k]) return true;
      return false;
    }
    render() {
      return View(this.props);
    }
  };
}

/**
 * A part whose file is fetched when it is first shown.
 * @param {() => Promise<any>} load
 * @param {string} name
 */
export function lazy(load, name) {
  const found = signal(/** @type {any} */ (null)),
    failed = signal(false);
  let asked = false;
  return (/** @type {any} */ props) => {
    if (!asked) {
      asked = true;
      load().then(
        (m) => {
          found.value = m[name];
        },
        () => {
          failed.value = true;
        },
      );
    }
    if (failed.value)
      return html`
        <p class="empty" role="alert">
          This page could not be loaded.${' '}
          <button type="button" class="link" onClick=${() => location.reload()}>Load it again</button>
        </p>
      `;
    return found.value && html`<${found.value} ...${props} />`;
  };
}
