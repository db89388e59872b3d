// Signing in, keeping the feed, drawing when something changed and once a second.

import { draw } from "./board.js";
import { Feed } from "./feed.js";

const $ = (id) => document.getElementById(id);
/** A feed that says nothing for so long is late (it ticks every second). */
const LATE_MS = 3000;

let feed = null;
let asked = false;

async function open(account, key) {
  const next = new Feed(account, key, () => redraw());
  next.onrefused = (why) => leave(why);
  await next.connect();
  feed = next;
  sessionStorage.setItem("callboard", JSON.stringify({ account, key }));
  show("board");
}

function leave(why = "") {
  feed?.close();
  feed = null;
  sessionStorage.removeItem("callboard");
  $("refused").textContent = why;
  show("sign-in");
}

function show(which) {
  $("sign-in").hidden = which !== "sign-in";
  $("board").hidden = which !== "board";
  $("leave").hidden = which !== "board";
  status();
  if (which === "sign-in") $("key").focus();
}

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (feed?.whole) {
      choices();
      draw(feed, $("queue").value);
    }
    status();
  });
}

/** The list of queues to look at, kept up with the feed. */
function choices() {
  const select = $("queue");
  const ids = [...feed.queues.keys()].sort();
  const had = [...select.options].slice(1).map((option) => option.value);
  if (ids.join() === had.join()) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...ids.map((id) => new Option(id, id)));
  select.value = ids.includes(chosen) ? chosen : "";
}

function status() {
  const silent = feed ? performance.now() - (feed.heard ?? performance.now()) : 0;
  const state = !feed ? "out" : feed.state !== "live" ? "late" : silent > LATE_MS ? "late" : "live";
  document.body.className = state;
  const said = {
    out: "not signed in",
    live: "live",
    late: feed?.state === "connecting" ? "connecting" : "connection lost, trying again",
  }[state];
  if ($("state").textContent !== said) $("state").textContent = said;
  $("stamp").textContent = feed?.at ? `as of ${new Date(feed.at).toLocaleTimeString()} · seq ${feed.seq}` : "";
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("refused").textContent = "";
  try {
    await open($("account").value.trim(), $("key").value.trim());
    $("key").value = "";
  } catch (error) {
    $("refused").textContent = error.message;
  }
});
$("leave").addEventListener("click", () => leave());
$("queue").addEventListener("change", redraw);
setInterval(redraw, 1000);

const kept = JSON.parse(sessionStorage.getItem("callboard") ?? "null");
if (kept) open(kept.account, kept.key).catch((error) => leave(error.message));
else show("sign-in");
