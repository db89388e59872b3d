// @ts-check
// Listening to a call, speaking in it, taking it over: what may be done stands on buttons, and why not in
// their tooltips. The server decides again.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { confirm } from '../ui/dialog.js';
import { api, may, me } from '../session.js';
import { SUPERVISING } from '../store/words.js';
import * as actions from '../actions.js';

/** @typedef {import('../wire').CallRow} CallRow */
/** What stands in the tooltips until the server has said whether one may. */
const UNKNOWN = 'The server is being asked whether you may';

/** What does not change from call to call, asked for once. @type {Map<string, Promise<any>>} */
const asked = new Map();
/** @param {string} path @returns {Promise<any>} null where one may not read it */
function once(path) {
  const key = `${me.peek()?.account} ${me.peek()?.name} ${path}`;
  let answer = asked.get(key);
  if (!answer) {
    answer = api('GET', path).catch(() => null);
    asked.set(key, answer);
    setTimeout(() => asked.delete(key), 60_000);
  }
  return answer;
}

/**
 * Whether one may monitor an agent, and has a phone to do it on.
 * @param {string} agent
 * @returns {Promise<string>}
 */
async function whyNot(agent) {
  const own = me.peek()?.user;
  if (!own) return 'You came in by a key: there is no phone of yours to ring';
  const right = await once(`/rights/check?actor=${own}&action=monitor&subject=${encodeURIComponent(agent)}`);
  if (right && !right.allowed) return `Not yours to do: ${right.rule}`;
  const profile = await once(`/users/${own}/profile`);
  if (profile && !profile.user.endpoint) return 'You have no endpoint: there is no phone of yours to ring';
  return '';
}

/** What the call's switch cannot, or ''; with who is on the call already. @param {string} id */
async function look(id) {
  const call = await api('GET', `/calls/${id}`).catch(() => null);
  if (!call) return { why: '', mine: '' };
  // Who may not read the configuration finds it out by asking.
  const edge = may('configuration.read') ? await once(`/switches/${call.switch}`) : null;
  const why = edge?.capabilities?.supervise === false ? `The switch ${call.switch} cannot do it` : '';
  const own = me.peek()?.user;
  const there = /** @type {{ user: string, mode: string }[]} */ (call.supervisors ?? []);
  return { why, mine: there.find((s) => s.user === own)?.mode ?? '' };
}

/**
 * The buttons of one call that is with an agent.
 * @param {{ agent: string, name: string, call: CallRow, lost: boolean }} p
 */
export function Supervise({ agent, name, call, lost }) {
  const refused = useSignal(UNKNOWN);
  const here = useSignal({ why: '', mine: '' });
  const read = () => look(call.id).then((seen) => (here.value = seen));
  useEffect(() => {
    let current = true;
    refused.value = UNKNOWN;
    whyNot(agent).then((why) => {
      if (current) refused.value = why;
    });
    return () => {
      current = false;
    };
  }, [agent]);
  useEffect(() => {
    read();
    const timer = setInterval(read, 5000);
    return () => clearInterval(timer);
  }, [call.id]);
  const { mine } = here.value;
  const why = lost ? 'Not while the connection is lost' : refused.value || here.value.why;
  const off = why !== '';
  const go = async (/** @type {string} */ mode) => {
    if (off) return;
    const begin = async () => {
      if (await actions.supervise(call.id, mode, name)) await read();
    };
    if (mode !== 'take_over') return begin();
    confirm({
      title: `Take the call over from ${name}?`,
      text: `Your phone rings. Once you answer you have the call, and ${name} no longer has it.`,
      verb: 'Take the call over',
      onYes: begin,
    });
  };
  return html`
    <div class="btns supervise" role="group" aria-label=${`Supervise the call of ${name}`}>
      ${Object.entries(SUPERVISING).map(
        ([mode, [label, about]]) => html`
          <button
            key=${mode}
            type="button"
            class="btn small"
            aria-disabled=${off ? 'true' : 'false'}
            aria-pressed=${mode === 'take_over' ? undefined : String(mine === mode)}
            title=${why || about}
            onClick=${() => go(mode)}
          >
            ${label}
          </button>
        `,
      )}
      ${
        mine &&
        html`
          <button
            type="button"
            class="btn small"
            onClick=${async () => {
              if (await actions.supervise(call.id, '', name)) await read();
            }}
          >
            Leave the call
          </button>
        `
      }
    </div>
  `;
}
