// The page of one-time links: the secret stands after the hash sign, which browsers send to nobody.

const $ = (id) => document.getElementById(id);
const link = location.hash.slice(1);
let owner = false;

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (answer.ok) return said;
  const fields = (said.errors ?? []).map((e) => `${e.pointer.slice(1)}: ${e.detail}`);
  throw new Error(fields.join("; ") || said.detail);
}

async function look() {
  if (!link) throw new Error("The link is not whole: copy all of it.");
  const whose = await post("/v1/links/look", { link });
  owner = whose.purpose === "owner";
  $("owner").hidden = !owner;
  for (const id of ["email", "first", "last"]) $(id).required = owner;
  $("who").textContent = owner
    ? `You will be the owner of the account ${whose.account}.`
    : `${whose.name ?? whose.user}, account ${whose.account}`;
  if (whose.numeric) $("password").inputMode = $("confirm").inputMode = "numeric";
  $("form").hidden = false;
  $("said").textContent = "";
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { link, password: $("password").value, confirm: $("confirm").value };
  if (owner) {
    body.email = $("email").value;
    body.first_name = $("first").value;
    body.last_name = $("last").value;
  }
  try {
    await post("/v1/links/use", body);
    history.replaceState(null, "", location.pathname);
    $("form").hidden = true;
    const on = Object.assign(document.createElement("a"), { href: "/", textContent: "Sign in" });
    $("said").replaceChildren("Your password is set. ", on, " with your e-mail and it.");
  } catch (error) {
    $("said").textContent = error.message;
  }
});

look().catch((error) => { $("said").textContent = error.message; });
