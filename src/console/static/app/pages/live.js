// @ts-check
import { useEffect } from 'preact/hooks';
import { html } from '../ui/html.js';
import { Trend } from '../ui/chart.js';
import * as board from '../store/board.js';
import { Kpis } from '../live/kpis.js';
import { Tiles } from '../live/tiles.js';
import { AgentGrid } from '../live/agents.js';
import { Alerts } from '../live/alerts.js';
import { Worst } from '../live/worst.js';
import { keepAddress } from '../live/view.js';

const FLOOR = html`
  <${Kpis} />
  <${Tiles} />
  <div class="split"><${AgentGrid} /><div class="side"><${Trend} /><${Alerts} /><${Worst} /></div></div>
`;

export function Live() {
  useEffect(keepAddress, []);
  if (!board.whole.value)
    return html`
      <div class="skeleton" role="status"><span class="vh">Reading the floor</span><i></i><i></i><i></i></div>
    `;
  return FLOOR;
}
