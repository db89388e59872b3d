// Signing in, keeping the feed, drawing when something changed and once a second.

import { draw } from "./board.js";
import { Feed } from "./feed.js";

const $ = (id) => document.getElementById(id);
/** A feed that says nothing for so long is late (it ticks every second). */
const LATE_MS = 3000;

let feed = null;
let asked = false;

/** A session by e-mail and password; its token is used as a key is. */
async function signIn(account, email, password) {
  const answer = await fetch("/v1/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ account, email, password }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return { key: said.token, session: said.id };
}

async function open(account, key, session = null) {
  const next = new Feed(account, key, () => redraw());
  next.onrefused = (why) => leave(why);
  await next.connect();
  feed = next;
  sessionStorage.setItem("callboard", JSON.stringify({ account, key, session }));
  show("board");
}

function leave(why = "") {
  const open = JSON.parse(sessionStorage.getItem("callboard") ?? "null");
  if (open?.session) {
    const headers = { authorization: `Bearer ${open.key}` };
    // Whether it still was one is nobody's concern here.
    fetch(`/v1/sessions/${open.session}`, { method: "DELETE", headers }).catch(() => {});
  }
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
  if (which === "sign-in") $($("by-key").hidden ? "email" : "key").focus();
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
    const account = $("account").value.trim();
    const by = $("by-key").hidden
      ? await signIn(account, $("email").value.trim(), $("password").value)
      : { key: $("key").value.trim() };
    await open(account, by.key, by.session);
    $("key").value = $("password").value = "";
  } catch (error) {
    $("refused").textContent = error.message;
  }
});
$("other").addEventListener("click", () => {
  const byKey = !$("by-key").hidden;
  $("by-key").hidden = byKey;
  $("by-mail").hidden = !byKey;
  $("other").textContent = byKey ? "Use an API key" : "Use e-mail and password";
  $(byKey ? "email" : "key").focus();
});
$("leave").addEventListener("click", () => leave());
$("queue").addEventListener("change", redraw);
setInterval(redraw, 1000);

const kept = JSON.parse(sessionStorage.getItem("callboard") ?? "null");
if (kept) open(kept.account, kept.key, kept.session).catch((error) => leave(error.message));
else show("sign-in");
