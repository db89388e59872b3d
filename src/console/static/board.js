// Draws the rows. Table rows are kept by id and only changed cells are written.

const PRESENCES = ["available", "opted_out", "busy", "offline"];
const RANK = { available: 0, busy: 1, opted_out: 2, offline: 3 };
const words = (word) => (word ?? "–").replaceAll("_", " ");

export function draw(feed, queue) {
  drawQueues(feed);
  drawAgents(feed, queue);
  drawCalls(feed);
}

function drawQueues(feed) {
  const rows = [...feed.queues.values()].sort((a, b) => a.id.localeCompare(b.id));
  fill("queues", rows, queueRow, (cells, row) => {
    text(cells[0], row.id);
    number(cells[1], row.waiting, "some");
    text(cells[2], row.oldest_at ? since(feed, row.oldest_at) : "–");
    number(cells[3], row.ringing);
    number(cells[4], row.talking);
    PRESENCES.forEach((presence, i) => {
      const count = cells[5].firstChild.children[i];
      text(count, String(row.agents[presence]));
      count.classList.toggle("none", row.agents[presence] === 0);
    });
    number(cells[6], row.today.offered);
    number(cells[7], row.today.answered);
    number(cells[8], row.today.abandoned);
  });
}

function queueRow() {
  const cells = row(["th", "n", "n", "n", "n", "", "n", "n", "n"]);
  const counts = element("div", "counts");
  for (const presence of PRESENCES) {
    const count = element("span", `count ${presence}`);
    count.title = words(presence);
    counts.append(count);
  }
  cells.children[5].append(counts);
  return cells;
}

function drawAgents(feed, queue) {
  const rows = [];
  for (const agent of feed.agents.values()) {
    const place = queue ? agent.queues[queue] : agent;
    if (place) rows.push({ id: agent.id, agent, place });
  }
  rows.sort((a, b) => RANK[a.place.presence] - RANK[b.place.presence] || a.id.localeCompare(b.id));
  fill("agents", rows, agentRow, (cells, { agent, place }) => {
    text(cells[0].children[0], agent.name ?? agent.id);
    text(cells[0].children[1], agent.name ? agent.id : "");
    const mark = cells[1].firstChild;
    if (mark.dataset.presence !== place.presence) {
      mark.dataset.presence = place.presence;
      mark.className = `mark ${place.presence}`;
    }
    text(mark, words(place.presence));
    const reason = agent.reason ? `, ${words(agent.reason)}` : "";
    const next = agent.next ? `, then ${words(agent.next)}` : "";
    text(cells[2], words(agent.status) + reason + next);
    const why = queue && !place.offerable && place.detail === "idle" ? place.blocked_by : place.detail;
    text(cells[3], words(why));
    text(cells[4], since(feed, agent.since));
  });
}

function agentRow() {
  const cells = row(["th", "", "", "", "n"]);
  cells.children[0].append(element("span"), element("span", "second"));
  cells.children[1].append(element("span", "mark"));
  return cells;
}

function drawCalls(feed) {
  const rows = [...feed.calls.values()];
  const talking = (call) => (call.state === "connected" ? 1 : 0);
  rows.sort((a, b) => talking(a) - talking(b) || a.rank - b.rank || a.id.localeCompare(b.id));
  document.getElementById("no-calls").hidden = rows.length > 0;
  fill("calls", rows, () => row(["th", "", "", "wide", "n"]), (cells, call) => {
    text(cells[0], call.from ?? "withheld");
    text(cells[1], call.queue ?? "–");
    text(cells[2], call.state === "offered" ? "ringing" : words(call.state));
    const name = (id) => feed.agents.get(id)?.name ?? id;
    const agents = call.agent ? [call.agent] : call.offers.map((offer) => offer.agent);
    text(cells[3], agents.map(name).join(", ") || "–");
    text(cells[4], since(feed, call.queued_at));
  });
}

/** One table body: rows by id, in this order, each brought up to date by `update`. */
function fill(table, rows, make, update) {
  const body = document.querySelector(`#${table} tbody`);
  const had = new Map([...body.children].map((tr) => [tr.dataset.id, tr]));
  rows.forEach((data, i) => {
    let tr = had.get(data.id);
    had.delete(data.id);
    if (!tr) {
      tr = make();
      tr.dataset.id = data.id;
    }
    if (body.children[i] !== tr) body.insertBefore(tr, body.children[i] ?? null);
    update(tr.children, data);
  });
  for (const gone of had.values()) gone.remove();
}

function row(kinds) {
  const tr = document.createElement("tr");
  for (const kind of kinds) {
    const cell = element(kind === "th" ? "th" : "td", kind === "th" ? "" : kind);
    if (kind === "th") cell.scope = "row";
    tr.append(cell);
  }
  return tr;
}

function element(tag, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  return made;
}

function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Zero steps back; what asks for attention stands out. */
function number(node, value, loud) {
  text(node, String(value));
  node.classList.toggle("zero", value === 0);
  if (loud) node.classList.toggle(loud, value > 0);
}

/** `0:07`, `12:34`, `3:25:00`. */
function since(feed, at) {
  const seconds = Math.max(0, Math.floor((feed.now() - Date.parse(at)) / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
