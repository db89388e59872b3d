// @ts-check
// What an agent did since signing in, as a bar of spans.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { duration, minute, plain } from '../fmt.js';
import { link } from '../store/clock.js';
import { all } from '../session.js';

/**
 * @typedef {{ from: string, to: string, ms: number, status: string, detail: string | null, reason: string |
 *   null }} Span
 */

/** What is drawn alike. @type {Record<string, string>} */
const KIND = {
  talking: 'talk',
  holding: 'hold',
  wrap_up: 'wrap',
  idle: 'free',
  ringing: 'ring',
  reserved: 'ring',
  break: 'rest',
  training: 'rest',
  blocked: 'rest',
};
/** @type {Record<string, string>} */
const WORD = {
  talk: 'Talk',
  hold: 'Hold',
  wrap: 'Wrap-up',
  free: 'Available',
  ring: 'Ringing',
  rest: 'Break',
  other: 'Other',
};
const HEIGHT = 26,
  WIDTH = 400;

/** @param {Span} s */
const kindOf = (s) =>
  s.status === 'online' && s.detail === 'idle' ? 'other' : (KIND[s.detail ?? ''] ?? 'other');

/** @param {Span} s */
const inWords = (s) =>
  `${minute(Date.parse(s.from))}–${minute(Date.parse(s.to))} ${plain(s.detail || s.status)}` +
  `${s.reason ? `: ${s.reason}` : ''}, ${duration(s.ms / 1000)}`;

/** @param {{ id: string }} p */
export function Timeline({ id }) {
  const spans = useSignal(/** @type {readonly Span[]} */ ([]));
  useEffect(() => {
    const read = () => {
      if (link.peek() !== 'lost' && !document.hidden)
        all(`/agents/${id}/timeline`).then(
          (found) => {
            spans.value = found;
          },
          () => {},
        );
    };
    read();
    const timer = setInterval(read, 15_000);
    return () => clearInterval(timer);
  }, [id]);
  const list = spans.value,
    first = list[0],
    last = list.at(-1);
  if (!first || !last) return null;
  const from = Date.parse(first.from),
    to = Date.parse(last.to),
    scale = WIDTH / Math.max(1, to - from);
  /** @type {Record<string, number>} */ const sums = {};
  for (const s of list) sums[kindOf(s)] = (sums[kindOf(s)] ?? 0) + s.ms;
  const kinds = Object.keys(WORD).filter((k) => (sums[k] ?? 0) > 0);
  const says = kinds.map((k) => `${WORD[k]} ${duration((sums[k] ?? 0) / 1000)}`).join(', ');
  return html`
    <div class="h-row">
      <h3>Since signing in</h3>
      <span class="muted num">${minute(from)}–${minute(to)}</span>
    </div>
    <svg
      class="gantt"
      viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label=${`From ${minute(from)} to ${minute(to)}: ${says}`}
    >
      ${list.map(
        (s) =>
          html`
            <rect
              key=${s.from}
              class=${`g-${kindOf(s)}`}
              x=${(Date.parse(s.from) - from) * scale}
              y="0"
              width=${Math.max(0.6, s.ms * scale)}
              height=${HEIGHT}
            >
              <title>${inWords(s)}</title>
            </rect>
          `,
      )}
    </svg>
    <ul class="gantt-l">
      ${kinds.map(
        (k) =>
          html`
            <li key=${k}>
              <i class=${`g-${k}`} aria-hidden="true"></i>
              ${WORD[k]} <b class="num">${duration((sums[k] ?? 0) / 1000)}</b>
            </li>
          `,
      )}
    </ul>
  `;
}
