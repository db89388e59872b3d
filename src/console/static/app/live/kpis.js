// @ts-check
import { html } from '../ui/html.js';
import { Flag, Mark, ToneBar } from '../ui/parts.js';
import { count, duration, goal as targetText, ofMs, percent } from '../fmt.js';
import { TONES } from '../store/words.js';
import * as board from '../store/board.js';
import { nowSec } from '../store/clock.js';
import { formula, ofAll } from '../store/figures.js';
import { queueName } from '../store/directory.js';
import { limits } from '../store/prefs.js';

/** @param {{ label: string, value: any, note: any, level?: number, about?: string | undefined }} p */
const Kpi = ({ label, value, note, level = 0, about }) =>
  html`
    <div class="kpi">
      <dt title=${about}>${label}</dt>
      <dd class=${level ? `v${level}` : ''}>${value}<${Flag} level=${level} /></dd>
      <dd class="note">${note}</dd>
    </div>
  `;

/** Only what somebody can act on, each with its target or its window. */
export function Kpis() {
  const now = nowSec.value,
    { watchS, actS, share, seconds } = limits.value;
  let waiting = 0,
    in_ = 0,
    oldest = Infinity,
    where = '';
  for (const id of board.queueIds.value) {
    const q = board.queues.get(id)?.value;
    if (!q) continue;
    waiting += q.waiting;
    in_ += Number(q.waiting > 0);
    const at = q.oldest_at ? Date.parse(q.oldest_at) / 1000 : Infinity;
    if (at < oldest) {
      oldest = at;
      where = id;
    }
  }
  const longest = oldest === Infinity ? 0 : Math.max(0, now - oldest);
  const level = ofAll('60m', 'service_level') ?? null,
    occupancy = ofAll('15m', 'occupancy');
  const offered = ofAll('today', 'offered'),
    lost = ofAll('today', 'abandoned');
  const about = (/** @type {string} */ name) => formula(name);
  return html`
    <section class="panel kpis" aria-label="Now">
      <dl>
        <${Kpi}
          label="Waiting now"
          value=${count(waiting)}
          note=${waiting ? `in ${in_} ${in_ === 1 ? 'queue' : 'queues'}` : 'nobody waits'}
        />
        <${Kpi}
          label="Longest wait"
          value=${duration(longest)}
          level=${longest >= actS ? 2 : longest >= watchS ? 1 : 0}
          note=${where ? queueName(where) : `limit ${duration(actS)}`}
        />
        <${Kpi}
          label="Service level"
          value=${percent(level)}
          level=${level === null || level >= share ? 0 : level >= share - 0.1 ? 1 : 2}
          note=${`target ${targetText(share)} in ${seconds} s`}
          about=${about('service_level')}
        />
        <${Kpi}
          label="Avg speed of answer"
          value=${ofMs(ofAll('60m', 'asa_ms'))}
          note="60 min"
          about=${about('asa_ms')}
        />
        <${Kpi}
          label="Abandoned"
          value=${percent(ofAll('today', 'abandon_rate'))}
          note=${offered === undefined ? 'today' : `${count(lost)} of ${count(offered)} today`}
          about=${about('abandon_rate')}
        />
        <${Kpi} label="Occupancy" value=${percent(occupancy)} note="15 min" about=${about('occupancy')} />
      </dl>
      <${Staffed} />
    </section>
  `;
}

function Staffed() {
  const n = board.tally.value,
    all = n.reduce((a, b) => a + b, 0);
  return html`
    <div class="staffed">
      <div class="staffed-h"><span>Agents</span><b>${count(all)}</b></div>
      <${ToneBar} parts=${n} tall=${true} />
      <ul>
        ${TONES.map(
          (t, i) =>
            html`
              <li key=${t.tone} title=${t.hint}><${Mark} tone=${t.tone} />${t.name} <b>${count(n[i])}</b></li>
            `,
        )}
      </ul>
    </div>
  `;
}
