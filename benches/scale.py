#!/usr/bin/env python3
"""How large a directory may be: 100,000 users, 5,000 queues and 1,000 teams in one account, 1,000
accounts on the node. Fills a server of its own over the public API, stops it, starts it, and times
lists and searches.

    cargo build --release && python3 benches/scale.py target/release/callboard [users queues teams accounts]
"""
import http.client, json, os, signal, subprocess, sys, tempfile, time

binary = sys.argv[1]
users, queues, teams, accounts = [int(a) for a in sys.argv[2:6]] or [100_000, 5_000, 1_000, 1_000]
PART = 10_000  # users in one document: a body holds at most 10 MiB
QUEUES_OF_USER = 3


class Server:
    def __init__(self, data):
        self.data = data
        for name in ("listen.addr",):
            if os.path.exists(f"{data}/{name}"):
                os.remove(f"{data}/{name}")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "error",
             "--requests-per-second", "0"], stdout=subprocess.DEVNULL)
        while not os.path.exists(f"{data}/listen.addr"):
            assert self.process.poll() is None, "the server has ended"
            time.sleep(0.005)
        self.addr = open(f"{data}/listen.addr").read().strip()
        self.key = open(f"{data}/owner.key").read().strip()
        self.connection = http.client.HTTPConnection(self.addr, timeout=300)
        assert self.ask("GET", "/readyz")[0] == 200
        self.ready_s = time.monotonic() - began

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def must(self, method, path, body=None):
        status, text = self.ask(method, path, body)
        assert status < 300, (method, path, status, text[:500])
        return json.loads(text) if text else None

    def memory_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024

    def end(self, how):
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait()
        return time.monotonic() - began


def document(part):
    ids = range(part * PART, min(users, (part + 1) * PART))
    mine = {f"usr_{i:06}": {
        "first_name": f"First{i % 997}", "last_name": f"Last{i}", "email": f"user{i}@acme.test",
        "extension": f"{i:06}", "endpoint": f"sip:{i}@10.0.0.1", "skills": {"spanish": 1 + i % 100},
    } for i in ids}
    return {"users": mine}


def fill(server):
    at = "/v1/accounts/default/configuration"
    server.must("PUT", at, {
        "account": {"name": "Large", "extension_digits": 6},
        "skills": {"spanish": {"name": "Spanish"}},
        "queues": {f"queue-{q:04}": {"name": f"Queue {q}"} for q in range(queues)}})
    for part in range((users + PART - 1) // PART):
        server.must("PUT", at, document(part))
    # Who belongs where, as many queues or teams at a time as a document holds.
    of_queue = {}
    for i in range(users):
        for k in range(QUEUES_OF_USER):
            of_queue.setdefault((i * QUEUES_OF_USER + k * 7) % queues, []).append(f"usr_{i:06}")
    step = 500
    for first in range(0, queues, step):
        server.must("PUT", at, {"queues": {
            f"queue-{q:04}": {"name": f"Queue {q}", "members": of_queue.get(q, [])}
            for q in range(first, min(queues, first + step))}})
    server.must("PUT", at, {"teams": {
        f"team-{t:04}": {"name": f"Team {t}", "members": [f"usr_{i:06}" for i in range(t, users, teams)]}
        for t in range(teams)}})
    for a in range(accounts - 1):
        server.must("POST", "/v1/accounts", {"id": f"account-{a:04}"})


READS = [
    "users?limit=100", "users?limit=100&cursor=", "users?text=last7777", "users?text=user99999@acme",
    "users?text=nobody", "users?skill=spanish&limit=100", "users?queue=queue-0100", "users?team=team-0500",
    "users/usr_050000", "users/usr_050000/profile", "queues?limit=100", "queues/queue-2500/staff",
    "queues/queue-2500/members", "teams?limit=100", "agents?limit=100",
]


def times(server):
    server.must("GET", "/v1/accounts/default/users?limit=1")
    worst = 0
    for read in READS:
        path = "/v1/accounts/default/" + read
        if read.endswith("cursor="):
            path += server.must("GET", "/v1/accounts/default/users?limit=1000")["next"]
        all_ms = []
        for _ in range(15):
            began = time.monotonic()
            server.must("GET", path)
            all_ms.append((time.monotonic() - began) * 1_000)
        all_ms.sort()
        worst = max(worst, all_ms[7])
        print(f"  {read:32} p50 {all_ms[7]:7.1f} ms   max {all_ms[-1]:7.1f} ms")
    began = time.monotonic()
    server.must("GET", "/v1/accounts?limit=1000")
    print(f"  {'all accounts':32} {(time.monotonic() - began) * 1_000:11.1f} ms")
    return worst


with tempfile.TemporaryDirectory() as folder:
    data = folder + "/data"
    server = Server(data)
    began = time.monotonic()
    fill(server)
    print(f"{users:,} users, {queues:,} queues, {teams:,} teams, {accounts:,} accounts: "
          f"filled in {time.monotonic() - began:.1f} s")
    print(f"memory while filled: {server.memory_mib():.0f} MiB")
    print(f"stopped in {server.end(signal.SIGTERM):.2f} s")
    server = Server(data)
    print(f"ready after a stop: {server.ready_s:.2f} s; memory {server.memory_mib():.0f} MiB")
    times(server)
    print(f"memory after reading: {server.memory_mib():.0f} MiB")
    server.end(signal.SIGKILL)
    server = Server(data)
    print(f"ready after kill -9: {server.ready_s:.2f} s")
    began = time.monotonic()
    _, text = server.ask("GET", "/v1/accounts/default/configuration")
    print(f"exported in {time.monotonic() - began:.2f} s: {len(text) / 2**20:.1f} MiB")
    server.end(signal.SIGTERM)
