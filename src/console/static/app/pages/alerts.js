// @ts-check
// All alerts, and the rules that raise them.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Field, Icon, Panel, Switch } from '../ui/parts.js';
import { confirm, openDialog } from '../ui/dialog.js';
import { told } from '../ui/toast.js';
import { plain, plural } from '../fmt.js';
import { all as listAll, api, may } from '../session.js';
import { alerts, open } from '../store/alerts.js';
import { definitions, written } from '../store/figures.js';
import { queues } from '../store/directory.js';
import { AlertLine } from '../live/alerts.js';

/** @typedef {import('../wire').AlertRule & { id: string }} Rule */

/** What people ask for most, with the limits and the seconds one would begin with, and of what it is told. */
const FIGURES = /** @type {const} */ ([
  ['longest_wait_now_ms', 'Longest wait (s)', 'above', 60, 120, 5, 'queue'],
  ['waiting', 'Callers waiting', 'above', 8, 15, 5, 'queue'],
  ['service_level', 'Service level (%)', 'below', 80, 70, 5, 'queue'],
  ['abandon_rate', 'Abandoned (%)', 'above', 5, 10, 5, 'queue'],
  ['asa_ms', 'Average speed of answer (s)', 'above', 30, 60, 5, 'queue'],
  ['agents_out_of_adherence', 'Agent out of adherence', 'above', '', 1, 300, 'agent'],
  ['agents_out_of_adherence', 'Agents of a team out of adherence', 'above', 2, 4, 60, 'team'],
]);
/** @param {(typeof FIGURES)[number]} f */
const keyOf = (f) => (f[6] === 'queue' ? f[0] : `${f[0]}-${f[6]}`);
/** People type seconds and percent; the server has ms and shares. @param {string} figure */
const factor = (figure) => {
  const unit = definitions.value.get(figure)?.unit;
  return unit === 'ms' ? 1000 : unit === 'share' ? 0.01 : 1;
};

/** @param {{ close: () => void, after: () => void }} p */
function RuleForm({ close, after }) {
  const figure = useSignal(keyOf(FIGURES[0])),
    said = useSignal('');
  const of = FIGURES.find((f) => keyOf(f) === figure.value) ?? FIGURES[0];
  /** @param {any} e */
  const save = async (e) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget),
      text = (/** @type {string} */ name) => String(form.get(name) ?? '').trim(),
      by = factor(of[0]),
      n = (/** @type {string} */ name) => (text(name) === '' ? null : Number(text(name)) * by);
    const queue = text('queue'),
      name = text('name') || of[1].replace(/ \(.*/, '');
    try {
      await api('PUT', `/alert_rules/rule-${Date.now().toString(36)}`, {
        name,
        figure: of[0],
        by: of[6],
        ids: queue ? [queue] : [],
        window: '15m',
        side: of[2],
        watch: n('watch'),
        act: n('act'),
        ...(text('clear') ? { clear: n('clear') } : {}),
        for_s: Number(text('for')),
      });
      close();
      after();
    } catch (error) {
      said.value = /** @type {Error} */ (error).message;
    }
  };
  return html`
    <form onSubmit=${save}>
      <div class="two">
        <${Field} label="Figure">
          <select
            value=${figure.value}
            onChange=${(/** @type {any} */ e) => {
              figure.value = e.currentTarget.value;
            }}
          >
            ${FIGURES.map((f) => html`<option key=${keyOf(f)} value=${keyOf(f)}>${f[1]}</option>`)}
          </select>
        </>
        ${
          of[6] === 'queue' &&
          html`
            <${Field} label="Queue">
              <select name="queue">
                <option value="">Each queue</option>
                ${[...queues.value.values()]
                  .filter((q) => q.kind === 'queue')
                  .map((q) => html`<option key=${q.id} value=${q.id}>${q.name}</option>`)}
              </select>
            </>
          `
        }
      </div>
      <div class="two" key=${figure.value}>
        <${Field} label=${`Watch ${of[2]}`}>
          <input name="watch" type="number" min="0" step="any" value=${of[3]} />
        </>
        <${Field} label=${`Act ${of[2]}`}>
          <input name="act" type="number" min="0" step="any" value=${of[4]} />
        </>
      </div>
      <div class="two" key=${`for ${figure.value}`}>
        <${Field} label="For at least (s)">
          <input name="for" type="number" min="0" max="86400" required value=${of[5]} />
        </>
        <${Field} label="Over when back at" hint="Left empty: at Watch.">
          <input name="clear" type="number" min="0" step="any" />
        </>
      </div>
      <${Field} label="Name" hint="As the alert is told.">
        <input name="name" maxlength="100" placeholder=${of[1].replace(/ \(.*/, '')} />
      </>
      <p class="said" role="alert">${said.value}</p>
      <footer>
        <button type="button" class="btn" onClick=${close}>Cancel</button>
        <button class="btn primary">Add the rule</button>
      </footer>
    </form>
  `;
}

/** @param {Rule} r */
const says = (r) => {
  const limit = (/** @type {number | null | undefined} */ value, /** @type {string} */ word) =>
    value === null || value === undefined ? '' : `${written(r.figure, value)} (${word})`;
  const figure = plain(r.figure).replace(/ ms$/, '').replace(/ now$/, '');
  const limits = [limit(r.watch, 'watch'), limit(r.act, 'act')].filter(Boolean).join(', ');
  return `${figure} ${r.side} ${limits}${r.for_s ? ` for ${r.for_s} s` : ''}`;
};

function Rules() {
  const rules = useSignal(/** @type {readonly Rule[]} */ ([]));
  const read = () =>
    listAll('/alert_rules').then(
      (found) => {
        rules.value = found;
      },
      () => {},
    );
  useEffect(() => {
    read();
  }, []);
  const edit = may('queues');
  const aside = html`
    <span class="muted">${plural(rules.value.length, 'rule')}</span>
    <span class="grow"></span>
    ${
      edit &&
      html`
        <button
          type="button"
          class="btn"
          onClick=${() =>
            openDialog({
              title: 'New alert rule',
              body: (close) => html`<${RuleForm} close=${close} after=${read} />`,
            })}
        >
          <${Icon} name="plus" size=${12} />Add a rule
        </button>
      `
    }
  `;
  return html`
    <${Panel} id="rules-h" title="Rules" aside=${aside}>
      ${
        rules.value.length
          ? html`
              <ul class="rules">
                ${rules.value.map(
                  (r) => html`
                    <li key=${r.id}>
                      <div>
                        <b>${r.name}</b>
                        ${' '}
                        <span class="muted">
                          ${says(r)}
                          ${
                            r.ids?.length
                              ? `, ${r.ids.map((id) => queues.value.get(id)?.name ?? id).join(', ')}`
                              : ', each'
                          }
                        </span>
                      </div>
                      <${Switch}
                        on=${r.enabled !== false}
                        label=${`${r.name} is looked at`}
                        disabled=${!edit}
                        onSet=${async (/** @type {boolean} */ on) => {
                          await told(
                            api('PATCH', `/alert_rules/${r.id}`, { enabled: on }),
                            '',
                            'The rule is unchanged.',
                          );
                          read();
                        }}
                      />
                      ${
                        edit &&
                        html`
                          <button
                            type="button"
                            class="iconb small"
                            aria-label=${`Remove the rule ${r.name}`}
                            onClick=${() =>
                              confirm({
                                title: `Remove the rule ${r.name}?`,
                                text: 'Its open alerts are over then.',
                                verb: 'Remove the rule',
                                onYes: async () => {
                                  await told(
                                    api('DELETE', `/alert_rules/${r.id}`),
                                    `Rule removed: ${r.name}`,
                                    'The rule is unchanged.',
                                  );
                                  read();
                                },
                              })}
                          >
                            <${Icon} name="close" size=${12} />
                          </button>
                        `
                      }
                    </li>
                  `,
                )}
              </ul>
            `
          : html`<p class="empty small">No rules yet: nothing raises an alert.</p>`
      }
    </>
  `;
}

export function AlertsPage() {
  const all = alerts.value;
  return html`
    <div class="alerts-page">
      <${Panel}
        id="inbox-h"
        title="Alerts"
        aside=${html`<span class="muted">${open.value.length} open</span>`}
      >
        ${
          all.length
            ? html`
                <ul class="inbox">
                  ${all.map((a) => html`<${AlertLine} key=${a.id} alert=${a} wide=${true} />`)}
                </ul>
              `
            : html`
                <p class="empty small">No alert is open, and none was within the last quarter of an hour.</p>
              `
        }
      </>
      <${Rules} />
    </div>
  `;
}
