// @ts-check
import { Component, h } from 'preact';
import htm from 'htm';

/** Templates without a build step. @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));

/** Renders again only when one of its props has changed. @template {object} P @param {(props: P) => any} View @returns {any} */
export function pure(View) {
  return class extends /** @type {any} */ (Component) {
    /** @param {Record<string, unknown>} next */
    shouldComponentUpdate(next) { for (const k in next) if (next[k] !== this.props[k]) return true; return false; }
    render() { return View(this.props); }
  };
}
