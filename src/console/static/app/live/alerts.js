// @ts-check
// Alerts beside the floor, and how they are told: once, by voice and, where it is switched on, by a tone.
import { html } from '../ui/html.js';
import { Flag } from '../ui/parts.js';
import { announce, told } from '../ui/toast.js';
import { play } from '../ui/sound.js';
import { duration, plural, time } from '../fmt.js';
import { alerts, levelOf, onAlert, open } from '../store/alerts.js';
import { queueName, teams, userName } from '../store/directory.js';
import { written } from '../store/figures.js';
import { link, nowSec } from '../store/clock.js';
import { api, may } from '../session.js';

/** @typedef {import('../wire').AlertRow} AlertRow */

/** @param {AlertRow} a */
export const subjectOf = ({ subject: { by, id } }) =>
  by === 'agent'
    ? userName(id)
    : by === 'team'
      ? (teams.value.get(id)?.name ?? id)
      : by === 'account'
        ? 'All queues'
        : queueName(id);
/** @param {AlertRow} a */
export const hrefOf = ({ subject: { by, id } }) =>
  by === 'agent' ? `/live?agent=${id}` : by === 'queue' || by === 'group' ? `/live/queue/${id}` : '/live';

onAlert((a) => {
  announce(
    `${subjectOf(a)}: ${a.name}, ${written(a.figure, a.value)}, ` +
      `${a.severity === 'act' ? 'act now' : 'watch'}`,
  );
  if (a.severity === 'act') play('alert');
});

/** @param {{ alert: AlertRow, wide?: boolean }} p */
export function AlertLine({ alert: a, wide = false }) {
  const level = levelOf(a),
    secs = nowSec.value - Date.parse(a.raised_at) / 1000;
  const off = link.value === 'lost' || !may('watch');
  const seen = () => told(api('POST', `/alerts/${a.id}/acknowledge`), '', 'The alert is not acknowledged.');
  return html`
    <li class=${`alert f${a.resolved_at ? 0 : level} ${a.resolved_at ? 'over-now' : ''}`}>
      <${Flag} level=${a.resolved_at ? 0 : level} />
      <div>
        <a class="link" href=${hrefOf(a)}>${subjectOf(a)}</a>
        ${' '}
        <span>${a.name} <b class="num">${written(a.figure, a.value)}</b></span>
        ${
          wide &&
          html`
            <small>
              Raised at ${time(Date.parse(a.raised_at))}
              ${a.acknowledged_by ? `, acknowledged by ${userName(a.acknowledged_by)}` : ''}
            </small>
          `
        }
      </div>
      ${
        a.resolved_at
          ? html`<span class="muted">Resolved ${time(Date.parse(a.resolved_at))}</span>`
          : html`
              <time title=${`Since ${time(Date.parse(a.raised_at))}`}>${duration(secs)}</time>
              ${
                a.acknowledged_by
                  ? html`
                      <span class="muted" title=${`Acknowledged by ${userName(a.acknowledged_by)}`}>
                        ${userName(a.acknowledged_by)}
                      </span>
                    `
                  : html`
                      <button
                        type="button"
                        class="btn small"
                        disabled=${off}
                        title="Acknowledge: you see to it"
                        aria-label=${`Ack ${subjectOf(a)}: ${a.name}`}
                        onClick=${seen}
                      >
                        Ack
                      </button>
                    `
              }
            `
      }
    </li>
  `;
}

export function Alerts() {
  const all = alerts.value.slice(0, Math.max(3, Math.min(20, open.value.length)));
  return html`
    <section class="panel alerts" aria-labelledby="alerts-h">
      <header class="panel-h">
        <h2 id="alerts-h"><a href="/alerts">Alerts</a></h2>
        <span class="muted">
          ${open.value.length ? `${plural(open.value.length, 'alert')} open` : 'none open'}
        </span>
      </header>
      ${
        all.length > 0 &&
        html`
          <ul tabindex="0" aria-label="Alerts">
            ${all.map((a) => html`<${AlertLine} key=${a.id} alert=${a} />`)}
          </ul>
        `
      }
    </section>
  `;
}
