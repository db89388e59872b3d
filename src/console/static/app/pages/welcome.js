// @ts-check
// The page of one-time links: the secret stands after the hash sign, which browsers send to nobody.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { html } from '../ui/html.js';
import { Field } from '../ui/parts.js';
import { ask, leave, signIn } from '../session.js';
import { go } from '../route.js';
import { Plain, Said } from './signin.js';

const FIRST = { owner: 'You will own this server: everything on it can be set up and seen by you.' };

export function Welcome() {
  const whose = useSignal(/** @type {import('../wire').LinkView | null} */ (null)),
    said = useSignal(''),
    dead = useSignal(''),
    busy = useSignal(false);
  const link = useSignal(location.hash.slice(1)).value;
  useEffect(() => {
    if (!link) {
      dead.value = 'The link is not whole: copy all of it, with what stands after the # sign.';
      return;
    }
    ask('POST', '/v1/links/look', { link }).then(
      (found) => {
        whose.value = found;
      },
      (error) => {
        dead.value = error.message;
      },
    );
  }, []);
  const who = whose.value,
    owner = who?.purpose === 'owner';
  /** @param {any} e */
  async function onSubmit(e) {
    e.preventDefault();
    const form = new FormData(e.currentTarget),
      text = (/** @type {string} */ name) => String(form.get(name) ?? '').trim();
    const password = String(form.get('password') ?? '');
    said.value = '';
    if (password !== form.get('confirm')) {
      said.value = 'The two passwords are not the same.';
      return;
    }
    busy.value = true;
    try {
      const owns = owner ? { email: text('email'), first_name: text('first'), last_name: text('last') } : {};
      await ask('POST', '/v1/links/use', { link, password, confirm: password, ...owns });
      history.replaceState(null, '', '/welcome');
      leave('');
      // Whoever has just set a password need not type it again.
      await signIn({
        email: owner ? text('email') : (who?.email ?? ''),
        password,
        account: who?.account ?? '',
      });
      go(owner ? '/start' : '/');
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
    busy.value = false;
  }
  if (dead.value)
    return html`
      <${Plain} title="This link cannot be used">
        <${Said} text=${dead.value} />
        <p>Links are good once and for some days. Whoever sent it can make another.</p>
        <p class="below"><a class="link" href="/">To the sign-in</a></p>
      </>
    `;
  if (!who) return html`<${Plain} title="Welcome"><p role="status">Looking at the link…</p></>`;
  return html`
    <${Plain}
      title=${owner
        ? 'Set up Callboard'
        : who.purpose === 'reset'
          ? 'Set a new password'
          : 'Welcome to Callboard'}
    >
      <p>${owner ? FIRST.owner : html`<b>${who.name ?? who.user}</b>, account ${who.account}`}</p>
      <form class="stack" onSubmit=${onSubmit}>
        ${
          owner
            ? html`
                <div class="two">
                  <${Field} label="First name">
                    <input name="first" autocomplete="given-name" required maxlength="100" />
                  </>
                  <${Field} label="Last name">
                    <input name="last" autocomplete="family-name" required maxlength="100" />
                  </>
                </div>
                <${Field} label="E-mail" hint="You sign in with it.">
                  <input name="email" type="email" autocomplete="username" required maxlength="254" />
                </>
              `
            : who.email &&
              html`
                <${Field} label="E-mail">
                  <input name="email" type="email" autocomplete="username" readonly value=${who.email} />
                </>
              `
        }
        <${Field} label="Password" hint=${who.numeric ? '6 to 32 digits.' : 'At least 10 characters.'}>
          <input
            name="password"
            type="password"
            inputmode=${who.numeric ? 'numeric' : undefined}
            autocomplete="new-password"
            required
            maxlength="256"
          />
        </>
        <${Field} label="The same again">
          <input
            name="confirm"
            type="password"
            inputmode=${who.numeric ? 'numeric' : undefined}
            autocomplete="new-password"
            required
            maxlength="256"
          />
        </>
        <${Said} text=${said.value} />
        <button class="btn primary wide" disabled=${busy.value}>Set the password and go on</button>
      </form>
    </>
  `;
}
