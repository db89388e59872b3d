// @ts-check
import { useEffect, useRef } from 'preact/hooks';
import { effect } from '@preact/signals';
import UPlot from 'uplot';
import { html } from './html.js';
import { Panel } from './parts.js';
import { counted, points } from '../store/history.js';
import { shownTheme } from '../store/prefs.js';
import { count, minute, percent, zone } from '../fmt.js';

const css = (/** @type {string} */ name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The last hour, minute by minute; a canvas, drawn when a point has changed. */
export function Trend() {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(
    () =>
      effect(() => {
        shownTheme();
        zone.value;
        const at = box.current;
        if (!at) return;
        const bars = /** @type {NonNullable<typeof UPlot.paths.bars>} */ (UPlot.paths.bars)({
          size: [0.62, 14],
        });
        const data = () => /** @type {any} */ ([0, 1, 2, 3, 4].map((k) => points.value.map((p) => p[k])));
        const axis = {
          stroke: css('--text-3'),
          font: '11px Inter',
          grid: { stroke: css('--line'), width: 1 },
          ticks: { show: false },
        };
        const now = () => points.value.at(-1)?.[0] ?? 0;
        const plot = new UPlot(
          {
            width: at.clientWidth,
            height: at.clientHeight,
            padding: [8, 4, 0, 0],
            legend: { show: false },
            cursor: { y: false, points: { size: 7 } },
            scales: {
              x: { range: () => [now() - 3540, now() + 30] },
              n: { range: (_u, _lo, hi) => [0, Math.max(4, hi * 1.08)] },
              p: { range: [0, 1] },
            },
            axes: [
              {
                ...axis,
                grid: { show: false },
                size: 24,
                space: 70,
                values: (_u, t) => t.map((s) => minute(s * 1000)),
              },
              {
                ...axis,
                scale: 'n',
                size: 34,
                space: 34,
                incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
              },
              {
                ...axis,
                scale: 'p',
                side: 1,
                size: 40,
                space: 34,
                grid: { show: false },
                values: (_u, v) => v.map((x) => `${Math.round(x * 100)}%`),
              },
            ],
            series: [
              {},
              {
                scale: 'n',
                stroke: css('--s-arrive'),
                fill: css('--s-arrive'),
                paths: bars,
                points: { show: false },
              },
              { scale: 'n', stroke: css('--s-answer'), width: 2, points: { show: true, size: 3 } },
              {
                scale: 'n',
                stroke: css('--s-abandon'),
                fill: css('--s-abandon'),
                paths: bars,
                points: { show: false },
              },
              { scale: 'p', stroke: css('--s-sl'), width: 1.5, dash: [5, 4], points: { show: false } },
            ],
          },
          data(),
          at,
        );
        const redraw = effect(() => plot.setData(data()));
        const fit = new ResizeObserver(() =>
          plot.setSize({ width: at.clientWidth, height: at.clientHeight }),
        );
        fit.observe(at);
        return () => {
          redraw();
          fit.disconnect();
          plot.destroy();
        };
      }),
    [],
  );
  const all = points.value,
    last = all.at(-2),
    first = all[0];
  const aside = html`
    <ul class="legend">
      <li class="arrive">Offered</li>
      <li class="answer">Answered</li>
      <li class="abandon">Abandoned</li>
      <li class="level" title="Service level of the last 15 minutes">SL</li>
    </ul>
  `;
  return html`
    <${Panel} id="trend-h" title="Calls/min" class="chart" aside=${aside}>
      <div
        class="plot"
        ref=${box}
        role="img"
        aria-label=${last
          ? `Last full minute: ${count(last[1])} offered, ${count(last[2])} answered` +
            `, ${count(last[3])} abandoned` +
            `; service level of 15 minutes ${percent(last[4])}`
          : 'The first minute is under way'}
      ></div>
      ${
        first &&
        counted.value > first[0] &&
        html`<p class="since">Before ${minute(counted.value * 1000)}: means of five minutes.</p>`
      }
    </>
  `;
}
