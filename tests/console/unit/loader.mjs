// Lets Node find what the browser finds by the page's import map.
import { register } from 'node:module';
const vendor = new URL('../../../src/console/static/vendor/', import.meta.url).href;
register(`data:text/javascript,${encodeURIComponent(`
  const map = { '@preact/signals-core': 'signals-core.js' };
  export async function resolve(specifier, context, next) {
    return map[specifier] ? { url: ${JSON.stringify(vendor)} + map[specifier], format: 'module', shortCircuit: true } : next(specifier, context);
  }
  export async function load(url, context, next) {
    return url.includes('/src/console/static/') ? next(url, { ...context, format: 'module' }) : next(url, context);
  }`)}`);
