// @ts-check
// From an empty account to the first routed call: a queue, an agent, a number, and a caller made here.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Field, Icon } from '../ui/parts.js';
import { told } from '../ui/toast.js';
import { api, may, me } from '../session.js';
import * as directory from '../store/directory.js';
import * as board from '../store/board.js';

/** The switch that stands for a real one until there is one. */
const TEST_SWITCH = 'test-caller';
/** An id from a name: what the server takes. @param {string} name */
const slug = (name) =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40) || 'one';

/** @param {{ n: number, title: string, done: boolean, open: boolean, children?: any, said?: any }} p */
const Step = ({ n, title, done, open, children, said }) =>
  html`
    <li class=${`step ${done ? 'done' : ''}`} aria-current=${open ? 'step' : undefined}>
      <span class="step-n" aria-hidden="true">${done ? html`<${Icon} name="check" size=${14} />` : n}</span>
      <div>
        <h2>${title}${done && html`<span class="vh">${' '}(done)</span>`}</h2>
        ${done ? html`<p class="muted">${said}</p>` : open && children}
      </div>
    </li>
  `;

/**
 * Sends what a switch would.
 * @param {string} type
 * @param {number} sequence
 * @param {string} call
 * @param {Record<string, unknown>} data
 */
const event = (type, sequence, call, data) =>
  api('POST', '/events', {
    specversion: '1.0',
    id: `${call}-${sequence}`,
    source: TEST_SWITCH,
    type,
    subject: call,
    sequence: String(sequence),
    data,
  });

/** A caller made here: it arrives, and does what the buttons say. */
function Caller() {
  const call = useSignal(''),
    id = useSignal(''),
    seq = useSignal(0),
    offer = useSignal(''),
    said = useSignal('');
  board.callsChanged.value;
  const row = id.value ? board.calls.get(id.value) : undefined,
    rings = row?.offers[0];
  const queue = [...directory.queues.value.values()].find((q) => q.kind === 'queue');
  const send = async (/** @type {string} */ type, /** @type {Record<string, unknown>} */ data) => {
    seq.value++;
    return event(type, seq.peek(), call.peek(), data);
  };
  // What the engine tells the switch is done here: hold, back, hang up, answer for the agent.
  const done = useSignal(0),
    rowThere = !!row;
  useEffect(() => {
    if (!rowThere) return;
    const obey = async () => {
      const told = await api('GET', `/switches/${TEST_SWITCH}/commands?after=${done.peek()}`).catch(() => ({
        commands: [],
      }));
      for (const c of told.commands) {
        done.value = c.seq;
        if (c.call !== call.peek()) continue;
        if (c.type === 'call.hold') await send('call.held', {});
        if (c.type === 'call.resume') await send('call.resumed', {});
        if (c.type === 'call.end') await send('call.ended', { by: 'agent' });
        if (c.type === 'call.transfer') await send('call.transferred', { to: c.to, kind: c.kind ?? 'blind' });
        if (c.type === 'offer.answer') await send('offer.answered', { offer: c.offer });
      }
    };
    const timer = setInterval(obey, 700);
    return () => clearInterval(timer);
  }, [rowThere]);
  const begin = async () => {
    said.value = '';
    call.value = `caller-${Date.now()}`;
    seq.value = 0;
    id.value = '';
    offer.value = '';
    try {
      await api('PUT', `/switches/${TEST_SWITCH}`, {
        name: 'Test caller',
        capabilities: { answers_for_agent: true, hold: true, transfer: true },
      });
      const answer = await send('call.arrived', { from: '+442079460123', queue: queue?.id });
      id.value = answer.results[0]?.call_id ?? '';
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
  };
  const answer = () =>
    rings && told(send('offer.answered', { offer: rings.id }), '', 'The call was not answered.');
  const hangUp = () =>
    told(
      send(
        row?.state === 'connected' ? 'call.ended' : 'call.abandoned',
        row?.state === 'connected' ? { by: 'caller' } : {},
      ),
      '',
      'The caller could not hang up.',
    );
  const what = !id.value
    ? 'Nobody calls yet.'
    : !row
      ? 'The call is over.'
      : row.state === 'connected'
        ? `The caller talks with ${directory.userName(row.agent ?? '')}.`
        : rings
          ? `${directory.userName(rings.agent)} is rung.`
          : 'The caller waits: nobody is available in the queue. Let the agent sign in and choose Available.';
  return html`
    <p>
      A caller for <b>${queue?.name}</b> is made here, as a telephone switch would report one. Open your desk
      in another tab, or let the invited agent do so, and choose <b>Available</b>.
    </p>
    <p class="call-said" role="status">
      <${Icon} name="phone" />
      ${what}
      ${id.value && html`${' '}<a class="link" href=${`/calls/${id.value}`}>Its story</a>`}
    </p>
    ${said.value && html`<p class="said" role="alert">${said.value}</p>`}
    <div class="btns">
      <button type="button" class="btn primary" disabled=${!!row} onClick=${begin}>Let somebody call</button>
      <button type="button" class="btn" disabled=${!rings || row?.state === 'connected'} onClick=${answer}>
        Pick up the agent's phone
      </button>
      <button type="button" class="btn" disabled=${!row} onClick=${hangUp}>Hang up</button>
    </div>
    <p class="below">
      <a class="link" href="/live">To the live floor</a>
      ${may('work') && html`<a class="link" href="/desk">To my desk</a>`}
    </p>
  `;
}

export function Start() {
  const link = useSignal(/** @type {{ url: string, mailed: boolean, name: string } | null} */ (null)),
    said = useSignal('');
  const queue = [...directory.queues.value.values()].find((q) => q.kind === 'queue'),
    members = queue ? board.staffOf(queue.id) : [];
  board.changed.value;
  /** @param {any} e @param {(text: (name: string) => string) => Promise<void>} work */
  const submit = async (e, work) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget);
    said.value = '';
    try {
      await work((name) => String(form.get(name) ?? '').trim());
      await directory.read();
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
  };
  const makeQueue = (/** @type {any} */ e) =>
    submit(e, async (text) => {
      await api('PUT', `/queues/${slug(text('name'))}`, {
        name: text('name'),
        strategy: text('strategy'),
        wrap_up: { manual: true, max_ms: 120_000 },
      });
    });
  const invite = (/** @type {any} */ e) =>
    submit(e, async (text) => {
      const told = await api('POST', '/invites', {
        items: [{ email: text('email'), first_name: text('first'), last_name: text('last'), role: 'agent' }],
      });
      const one = told.results[0];
      if (one.status >= 300) throw new Error(one.error?.errors?.[0]?.detail ?? one.error?.detail);
      await api('PUT', `/queues/${queue?.id}/members/${one.id}`, {});
      link.value = {
        url: one.link ? `${location.origin}/welcome#${one.link}` : '',
        mailed: one.mailed === true,
        name: text('first'),
      };
    });
  const myself = (/** @type {any} */ e) =>
    submit(e, async () => {
      await api('PUT', `/queues/${queue?.id}/members/${me.peek()?.user}`, {});
    });
  return html`
    <div class="start">
      <p class="lead">Three steps to the first routed call. Everything made here can be changed later.</p>
      <ol>
        <${Step} n=${1} title="Make a queue" done=${!!queue} open=${!queue} said=${queue?.name}>
          <form class="stack" onSubmit=${makeQueue}>
            <${Field} label="Name of the queue">
              <input name="name" required maxlength="100" value="Support" />
            </>
            <${Field} label="Who is rung first">
              <select name="strategy">
                <option value="longest_idle">Who has been idle longest</option>
                <option value="least_calls">Who had the fewest calls today</option>
                <option value="skilled">Who has the most stars</option>
                <option value="simultaneous">Several at once</option>
                <option value="round_robin">One after the other</option>
              </select>
            </>
            <div><button class="btn primary">Make the queue</button></div>
          </form>
        </>
        <${Step}
          n=${2}
          title="Add an agent"
          done=${members.length > 0 && !link.value}
          open=${!!queue}
          said=${`${members
            .map((i) => board.nameAt(i))
            .slice(0, 3)
            .join(', ')}`}
        >
          ${
            link.value
              ? html`
                  <p>
                    ${
                      link.value.mailed
                        ? `${link.value.name} gets a link by mail.`
                        : html`
                            Send this link to ${link.value.name}; it is good once, for seven days, and shown
                            only now:
                          `
                    }
                  </p>
                  ${
                    link.value.url &&
                    html`
                      <p>
                        <input
                          class="copy"
                          readonly
                          aria-label="The invitation's link"
                          value=${link.value.url}
                          onFocus=${(/** @type {any} */ e) => e.currentTarget.select()}
                        />
                      </p>
                    `
                  }
                  <div class="btns">
                    <button
                      type="button"
                      class="btn primary"
                      onClick=${() => {
                        link.value = null;
                      }}
                    >
                      Go on
                    </button>
                  </div>
                `
              : html`
                  <form class="stack" onSubmit=${invite}>
                    <div class="two">
                      <${Field} label="First name"><input name="first" required maxlength="100" /></>
                      <${Field} label="Last name"><input name="last" required maxlength="100" /></>
                    </div>
                    <${Field} label="E-mail"><input name="email" type="email" required maxlength="254" /></>
                    <div class="btns"><button class="btn primary">Invite the agent</button></div>
                  </form>
                  <form onSubmit=${myself}>
                    <p class="muted">
                      Only trying it out? <button class="link">Take the calls yourself</button>
                    </p>
                  </form>
                `
          }
        </>
        <${Step} n=${3} title="Let somebody call" done=${false} open=${!!queue && members.length > 0}>
          <${Caller} />
        </>
      </ol>
      <p class="said" role="alert">${said.value}</p>
    </div>
  `;
}
