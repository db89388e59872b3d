// @ts-check
// A call's story: its trace as a time line, each decision with its reason.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Icon } from '../ui/parts.js';
import { dateTime, duration, masked, plain, plural, time } from '../fmt.js';
import { MEDIA } from '../store/words.js';
import { queueName, userName } from '../store/directory.js';
import { api } from '../session.js';

/** @typedef {Record<string, any>} Told */

/** @type {Record<string, string>} */
const ORDER = {
  longest_idle: 'idle the longest',
  least_calls: 'the fewest calls',
  in_order: 'first in the order',
  stars: 'the most stars',
  round_robin: 'next in turn',
  random: 'drawn by lot',
  weighted: 'drawn by weight',
  least_versatile: 'the fewest other skills',
  least_talk: 'the least talk',
  least_occupied: 'the least occupied',
};

/** A key of the order, as words. @param {Record<string, any> | null} key @param {number} at */
function keyWords(key, at) {
  if (!key) return '';
  return Object.entries(key)
    .map(([name, value]) =>
      name === 'idle_since'
        ? `idle ${duration((at - Date.parse(value)) / 1000)}`
        : `${plain(name).toLowerCase()} ${value}`,
    )
    .join(', ');
}

/** Why this agent, and from how many. @param {Told} t */
function Why({ why, at }) {
  if (!why) return null;
  const out = [
    ['busy', 'busy'],
    ['offline', 'logged out'],
    ['opted_out', 'opted out'],
    ['not_fitting', 'without the skills or stars'],
    ['delayed', 'paused'],
  ]
    .filter(([k]) => why[k ?? ''] > 0)
    .map(([k, w]) => `${why[k ?? '']} ${w}`);
  return html`
    <p class="because">
      ${
        why.assigned_by
          ? `Assigned by ${userName(why.assigned_by)}.`
          : why.preferred
            ? 'The caller had waited for this agent.'
            : `Chosen from ${plural(why.candidates, 'candidate')}: ${ORDER[why.order] ?? why.order}` +
              `${why.winner ? ` (${keyWords(why.winner, at)})` : ''}.`
      }
      ${why.runner_up ? ` Next would have been one with ${keyWords(why.runner_up, at)}.` : ''}
      ${out.length ? ` Not asked: ${out.join(', ')}.` : ''}
      ${why.step !== null && why.step !== undefined ? ` In step ${why.step + 1}.` : ''}
    </p>
  `;
}

/** Why a call leaves by an exit. @type {Record<string, string>} */
const EXIT = {
  max_wait: 'It waited for as long as it may here.',
  max_waiting: 'Too many wait here.',
  nobody: 'Nobody works here now.',
  total: 'It rang for as long as it may here.',
  missed: 'The offer was missed.',
  exhausted: 'All who fit were tried.',
  closed: 'It is closed.',
  choice: 'The caller chose so.',
};

/**
 * What each event says: icon, headline, more.
 * @type {Record<string, (t: Told, at: number) => [icon: string, text: any, more?: any] | null>}
 */
const SAYS = {
  call_arrived: (t) => [
    'phone',
    html`
      ${MEDIA[t['media']] ?? t['media']} from <b class="num">${masked(t['personal']?.from ?? null)}</b>
      ${' '}arrived at <b>${t['switch']}</b>
    `,
    t['to'] ? `It was for ${t['to']}.` : '',
  ],
  call_queued: (t) => [
    'clock',
    t['queue'] ? html`Waits in <b>${queueName(t['queue'])}</b>` : 'Waits for the one agent whom it is for',
    t['hop'] ? 'It came from another queue.' : '',
  ],
  call_offered: (t, at) => [
    'bell',
    html`
      Offered to <b>${userName(t['agent'])}</b>
      ${t['ring_for_ms'] ? html`${' '}for ${duration(t['ring_for_ms'] / 1000)}` : ''}
    `,
    html`<${Why} why=${t['why']} at=${at} />`,
  ],
  offer_ringing: () => ['bell', 'It rings'],
  call_answered: (t) => ['check', html`<b>${userName(t['agent'])}</b> answered`],
  offer_closed: (t) => [
    'close',
    html`The offer ended: ${plain(t['outcome'] ?? t['reason'] ?? 'closed').toLowerCase()}`,
    t['reason'] && t['outcome'] ? `Since: ${plain(t['reason']).toLowerCase()}.` : '',
  ],
  offer_missed: (t) => [
    'close',
    html`Nobody answered${t['agent'] ? html`${' '}at <b>${userName(t['agent'])}</b>` : ''}`,
    t['told_by_switch'] ? 'The switch said so.' : 'The ring was over.',
  ],
  offer_refused: () => ['close', 'The agent refused'],
  offer_failed: (t) => ['close', `The phone could not be rung: ${plain(t['reason'] ?? '').toLowerCase()}`],
  call_parked: (t) => ['pause', 'Hears the queue', t['position'] ? `In place ${t['position']}.` : ''],
  call_exited: (t) => ['move', 'Leaves the queue', EXIT[t['exit']] ?? plain(t['exit'] ?? '')],
  supervise_asked: (t) => [
    'eye',
    html`<b>${userName(t['agent'])}</b> supervises: ${plain(t['mode'] ?? '').toLowerCase()}`,
  ],
  supervise_ended: (t) => ['eye', html`<b>${userName(t['agent'])}</b> supervises no more`],
  call_held: () => ['pause', 'On hold'],
  call_resumed: () => ['phone', 'Back on the line'],
  leg_ended: (t) => ['end', html`<b>${userName(t['agent'])}</b>'s part ended`],
  wrap_up_started: (t) => [
    'clock',
    html`<b>${userName(t['agent'])}</b> wraps up`,
    t['until'] ? `Until ${time(Date.parse(t['until']))} at the latest.` : '',
  ],
  wrap_up_ended: (t) => [
    'check',
    html`Wrap-up ended`,
    t['disposition'] ? `Disposition: ${t['disposition']}.` : '',
  ],
  call_ended: (t) => [
    'end',
    html`The call ended: ${plain(t['reason'] ?? t['outcome'] ?? 'over').toLowerCase()}`,
  ],
  call_transferred: (t) => ['move', 'Transferred', t['to'] ? JSON.stringify(t['to']) : ''],
  call_abandoned: () => ['end', 'The caller hung up before an answer'],
};

/** @param {Told} t @returns {[string, any, any?]} */
function line(t) {
  const at = Date.parse(t['at']),
    says = SAYS[t['type']]?.(t, at);
  if (says) return says;
  // A word that this page does not know is shown as it is, with its fields.
  const rest = Object.entries(t)
    .filter(
      ([k, v]) => !['at', 'seq', 'type', 'call', 'offer'].includes(k) && v !== null && typeof v !== 'object',
    )
    .map(
      ([k, v]) =>
        `${plain(k).toLowerCase()} ${k === 'agent' ? userName(v) : k === 'queue' ? queueName(v) : v}`,
    );
  return ['right', plain(t['type']), rest.join(', ')];
}

/** The phases of the call, for the bar. @param {readonly Told[]} items @param {number} now */
function phases(items, now) {
  /** @type {{ kind: string, from: number, to: number, who: string }[]} */ const found = [];
  let kind = '',
    from = 0,
    who = '';
  const turn = (/** @type {string} */ next, /** @type {number} */ at, name = '') => {
    if (kind && at > from) found.push({ kind, from, to: at, who });
    kind = next;
    from = at;
    who = name;
  };
  for (const t of items) {
    const at = Date.parse(t['at']);
    if (t['type'] === 'call_arrived' || t['type'] === 'call_queued')
      turn('wait', at, t['queue'] ? queueName(t['queue']) : '');
    else if (t['type'] === 'call_offered') turn('ring', at, userName(t['agent']));
    else if (t['type'] === 'offer_closed' && kind === 'ring') turn('wait', at);
    else if (t['type'] === 'call_answered') turn('talk', at, userName(t['agent']));
    else if (t['type'] === 'call_held') turn('hold', at, who);
    else if (t['type'] === 'call_resumed') turn('talk', at, who);
    else if (t['type'] === 'wrap_up_started') turn('wrap', at, userName(t['agent']));
    else if (t['type'] === 'wrap_up_ended' || (t['type'] === 'call_ended' && kind !== 'wrap')) turn('', at);
  }
  if (kind) turn('', now);
  return found;
}
/** @type {Record<string, string>} */
const PHASE = { wait: 'Waiting', ring: 'Ringing', talk: 'Talking', hold: 'On hold', wrap: 'Wrap-up' };

/** @param {{ id: string }} p */
export function CallStory({ id }) {
  const items = useSignal(/** @type {readonly Told[] | null} */ (null)),
    said = useSignal(''),
    details = useSignal(false);
  const over = useSignal(false);
  useEffect(() => {
    items.value = null;
    said.value = '';
    over.value = false;
    const read = () =>
      api('GET', `/calls/${id}/trace`).then(
        (t) => {
          items.value = t.items;
          over.value =
            t.items.some((/** @type {Told} */ x) => x['type'] === 'wrap_up_ended') ||
            (t.items.some((/** @type {Told} */ x) => x['type'] === 'call_ended') &&
              !t.items.some((/** @type {Told} */ x) => x['type'] === 'wrap_up_started'));
        },
        (e) => {
          if (!items.peek()) said.value = e.message;
        },
      );
    read();
    const timer = setInterval(() => {
      if (!over.peek() && !said.peek()) read();
    }, 2000);
    return () => clearInterval(timer);
  }, [id]);
  if (said.value)
    return html`<p class="empty">${said.value} <a class="link" href="/live">To the floor</a></p>`;
  if (!items.value) return html`<p class="empty">Reading the story…</p>`;
  const all = items.value,
    first = Date.parse(all[0]?.['at'] ?? ''),
    shown = details.value ? all : all.filter((t) => t['type'] !== 'heard');
  const parts = phases(all, Date.now()),
    end = parts.at(-1)?.to ?? first,
    length = Math.max(1, end - (parts[0]?.from ?? first));
  return html`
    <section class="panel story" aria-labelledby="story-h">
      <header class="panel-h">
        <h2 id="story-h">${dateTime(first)}</h2>
        <span class="muted">${id}</span>
        <span class="grow"></span>
        <label class="check-l">
          <input
            type="checkbox"
            checked=${details.value}
            onChange=${(/** @type {any} */ e) => {
              details.value = e.currentTarget.checked;
            }}
          />
          ${' '}What the switch said
        </label>
      </header>
      <ol class="phases" aria-label="Phases">
        ${parts.map(
          (p, i) =>
            html`
              <li
                key=${i}
                class=${p.kind}
                style=${{ flexGrow: Math.max((p.to - p.from) / length, 0.02) }}
                title=${`${PHASE[p.kind]}${p.who ? `, ${p.who}` : ''}: ${duration((p.to - p.from) / 1000)}`}
              >
                <i></i>
                <span><b>${PHASE[p.kind]}</b> ${duration((p.to - p.from) / 1000)}</span>
              </li>
            `,
        )}
      </ol>
      <ol class="line">
        ${shown.map((t, i) => {
          const [icon, text, more] = line(t);
          const at = Date.parse(t['at']),
            gap = i ? at - Date.parse(shown[i - 1]?.['at'] ?? '') : 0;
          return html`
            <li key=${`${t['seq']} ${i}`} class=${t['type']}>
              <time title=${t['at']}>${time(at)}</time>
              <span class="dot"><${Icon} name=${icon} size=${13} /></span>
              <div>
                <p>
                  ${text}
                  ${gap >= 1000 && html`${' '}<span class="muted">after ${duration(gap / 1000)}</span>`}
                </p>
                ${more && html`<div class="muted">${more}</div>`}
              </div>
            </li>
          `;
        })}
      </ol>
    </section>
  `;
}
