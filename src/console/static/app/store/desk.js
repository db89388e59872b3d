// @ts-check
// An agent's desk: the socket that holds the lease, what it last said, and the actions that go over it.
import { signal } from '@preact/signals';
import { keepOpen } from '../live.js';
import { api, leave, me } from '../session.js';
import { socketUrl } from './feed.js';
import { learn } from './directory.js';

/**
 * @typedef {import('../wire').AgentView} AgentView
 * @typedef {import('../wire').DeskOffer} DeskOffer
 * @typedef {{ id: string, at: string, by: string, by_name: string | null, text: string }} Message
 * @typedef {{ call: string, queue: string, until: string, dispositions: string[] }} WrapUp
 * @typedef {{ agent: AgentView & { calls: string[], wrap_ups: WrapUp[] }, offers: DeskOffer[], messages:
 *   Message[] }} DeskState
 */

export const desk = signal(/** @type {DeskState | null} */ (null));
export const deskLink = signal(/** @type {'connecting' | 'open' | 'lost'} */ ('connecting'));
/** Calls that the agent has, as the server tells them. */
export const calls = signal(/** @type {readonly import('../wire').CallView[]} */ ([]));
/** The call that was last on the line here: who is wrapped up. */
export const known = signal(/** @type {ReadonlyMap<string, import('../wire').CallView>} */ (new Map()));

/** @type {ReturnType<typeof keepOpen> | null} */ let open = null;
let ref = 0;
/** @type {Map<number, { done: (value: void) => void, failed: (error: Error) => void }>} */ const asked =
  new Map();

/** @param {any} frame */
function take(frame) {
  if (frame.type === 'state') {
    const users = { ...frame.names.users },
      queues = { ...frame.names.queues };
    for (const o of frame.offers) if (o.queue) queues[o.queue] = o.queue_name;
    for (const m of frame.messages) if (m.by_name) users[m.by] = m.by_name;
    learn({ queues, users });
    desk.value = frame;
    readCalls(frame);
    return;
  }
  if (frame.type !== 'result') return;
  const who = asked.get(frame.ref);
  asked.delete(frame.ref);
  if (frame.status < 300) who?.done();
  else
    who?.failed(
      new Error(
        frame.error?.errors?.map((/** @type {any} */ e) => e.detail).join('; ') ||
          frame.error?.detail ||
          `${frame.status}`,
      ),
    );
}

/** The state names calls; what they are about is asked for. @param {DeskState} state */
async function readCalls(state) {
  const ids = [...new Set([...state.agent.calls, ...state.agent.wrap_ups.map((w) => w.call)])];
  const found = await Promise.all(ids.map((id) => api('GET', `/calls/${id}`).catch(() => null)));
  // A later state may have overtaken this one.
  if (desk.peek() !== state) return;
  const views = found.filter((c) => c !== null);
  known.value = new Map(views.map((c) => [c.id, c]));
  calls.value = views.filter((c) => state.agent.calls.includes(c.id));
}

/**
 * Sends an action; settles when the server has answered it.
 * @param {Record<string, unknown>} frame
 * @returns {Promise<void>}
 */
export function act(frame) {
  return new Promise((done, failed) => {
    const own = ++ref;
    if (!open?.send({ ...frame, ref: own })) {
      failed(new Error('The desk is not connected.'));
      return;
    }
    asked.set(own, { done, failed });
    setTimeout(() => {
      if (asked.delete(own)) failed(new Error('The server has not answered.'));
    }, 10_000);
  });
}

/** Opens the desk of whoever is signed in. */
export function openDesk() {
  const user = me.peek()?.user;
  if (open || !user) return;
  deskLink.value = 'connecting';
  open = keepOpen(
    {
      url: socketUrl(`/agents/${user}/desk`),
      protocol: 'callboard.desk.v1',
      ticket: async () => null,
      hello: () => null,
      onOpen: () => {
        deskLink.value = 'open';
      },
      onFrame: take,
      onLost: () => {
        deskLink.value = 'lost';
      },
      onRefused: leave,
    },
    { ticks: false },
  );
}
export function closeDesk() {
  open?.close();
  open = null;
  desk.value = null;
  calls.value = [];
}
