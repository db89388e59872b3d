// @ts-check
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Field, Icon } from '../ui/parts.js';
import { ask, saidOut, signIn, signInByKey } from '../session.js';

/** A page with one thing on it. @param {{ title: string, children: any }} p */
export function Plain({ title, children }) {
  useEffect(() => {
    document.title = `${title} · Callboard`;
  }, [title]);
  return html`
    <main class="plain">
      <div class="plain-box panel">
        <p class="plain-brand"><${Icon} name="logo" size=${22} />Callboard</p>
        <h1>${title}</h1>
        ${children}
      </div>
    </main>
  `;
}

/** @param {{ text: string }} p */
export const Said = ({ text }) =>
  html`<p class="said" role="alert">${text && html`<${Icon} name="warn" size=${14} />`}${text}</p>`;

export function SignIn() {
  const byKey = useSignal(false),
    more = useSignal(false),
    busy = useSignal(false),
    said = useSignal('');
  /** @param {any} e */
  async function onSubmit(e) {
    e.preventDefault();
    const form = new FormData(e.currentTarget),
      text = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    said.value = saidOut.value = '';
    busy.value = true;
    try {
      if (byKey.value) await signInByKey(text('key'));
      else
        await signIn({
          email: text('email'),
          password: String(form.get('password') ?? ''),
          account: text('account'),
        });
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
    busy.value = false;
  }
  /** @param {any} e */
  async function forgotten(e) {
    const email = String(new FormData(e.currentTarget.form).get('email') ?? '').trim();
    if (!email) {
      said.value = 'Write your e-mail first.';
      return;
    }
    saidOut.value = '';
    try {
      await ask('POST', '/v1/links/forgotten', { email });
      said.value = 'If somebody signs in by it, a mail is on its way.';
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
  }
  return html`
    <${Plain} title="Sign in">
      <form class="stack" onSubmit=${onSubmit}>
        ${
          byKey.value
            ? html`
                <${Field} label="API key" hint="It is kept in this tab only.">
                  <input name="key" type="password" autocomplete="off" required spellcheck="false" />
                </>
              `
            : html`
                <${Field} label="E-mail">
                  <input name="email" type="email" autocomplete="username" required maxlength="254" />
                </>
                <${Field} label="Password">
                  <input
                    name="password"
                    type="password"
                    autocomplete="current-password"
                    required
                    maxlength="256"
                  />
                </>
                ${
                  more.value &&
                  html`
                    <${Field} label="Account" hint="Left empty: where you are at home.">
                      <input name="account" autocomplete="off" spellcheck="false" maxlength="64" />
                    </>
                  `
                }
              `
        }
        <${Said} text=${said.value || saidOut.value} />
        <button class="btn primary wide" disabled=${busy.value}>
          ${busy.value ? 'Signing in' : 'Sign in'}
        </button>
        <p class="below">
          <button
            type="button"
            class="link"
            onClick=${() => {
              byKey.value = !byKey.peek();
              said.value = '';
            }}
          >
            ${byKey.value ? 'Use e-mail and password' : 'Use an API key'}
          </button>
          ${!byKey.value && html`<button type="button" class="link" onClick=${forgotten}>Forgot it?</button>`}
          ${
            !byKey.value &&
            !more.value &&
            html`
              <button
                type="button"
                class="link"
                onClick=${() => {
                  more.value = true;
                }}
              >
                Another account
              </button>
            `
          }
        </p>
      </form>
    </>
  `;
}
