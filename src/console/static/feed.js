// The live feed: one WebSocket, a snapshot and deltas in order, resumed after a break.

const RETRY_MS = [500, 8000];

/** Rows by id and the position in the feed. `onchange` is told after every frame. */
export class Feed {
  constructor(account, key, onchange) {
    Object.assign(this, { account, key, onchange });
    this.forget();
    this.state = "connecting";
    this.wait = RETRY_MS[0];
    this.closed = false;
  }

  forget() {
    this.queues = new Map();
    this.agents = new Map();
    this.calls = new Map();
    this.epoch = null;
    this.seq = 0;
    this.parts = 0;
    this.whole = false;
  }

  /** Connects; throws when the server refuses the key. */
  async connect() {
    const ticket = await this.ticket();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const url = `${scheme}://${location.host}/v1/accounts/${encodeURIComponent(this.account)}/live`;
    const socket = new WebSocket(url, "callboard.live.v1");
    this.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ ticket }));
      this.subscribe();
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => this.lost(event);
  }

  /** A one-use ticket: the key itself never goes into a URL or a frame. */
  async ticket() {
    const answer = await fetch("/v1/tickets", {
      method: "POST",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: "{}",
    });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(answer.status, body.detail ?? `the server answered ${answer.status}`);
    return body.ticket;
  }

  subscribe() {
    const frame = { subscribe: { queues: "*", agents: "*", calls: true, every_ms: 100 } };
    if (this.whole) frame.resume = { epoch: this.epoch, seq: this.seq };
    this.socket.send(JSON.stringify(frame));
  }

  take(frame) {
    this.heard = performance.now();
    if (frame.type === "snapshot") {
      if (frame.part === 1) {
        this.forget();
        this.epoch = frame.epoch;
      }
      this.rows(frame);
      this.parts += 1;
      this.whole = this.parts === frame.parts;
    } else if (frame.type === "delta") {
      if (!this.whole || frame.prev !== this.seq) {
        // Frames are missing: a new snapshot is the honest way on.
        this.forget();
        this.subscribe();
        return;
      }
      this.rows(frame);
      for (const kind of ["queues", "agents", "calls"]) {
        for (const id of frame.removed?.[kind] ?? []) this[kind].delete(id);
      }
    } else if (frame.type !== "tick") {
      return;
    }
    this.seq = frame.seq;
    this.skew = Date.parse(frame.at) - Date.now();
    this.at = frame.at;
    this.state = "live";
    this.wait = RETRY_MS[0];
    if (this.whole) this.onchange(frame.type !== "tick");
  }

  rows(frame) {
    for (const kind of ["queues", "agents", "calls"]) {
      for (const row of frame[kind] ?? []) this[kind].set(row.id, row);
    }
  }

  lost(event) {
    if (this.closed) return;
    this.state = "lost";
    this.onchange(false);
    if (event.code === 4401 || event.code === 4403) {
      this.onrefused?.(event.reason || "the server does not accept this key any more");
      return;
    }
    setTimeout(() => this.again(), this.wait);
    this.wait = Math.min(this.wait * 2, RETRY_MS[1]);
  }

  async again() {
    if (this.closed) return;
    try {
      await this.connect();
    } catch (error) {
      if (error instanceof Refused && error.status < 500) this.onrefused?.(error.message);
      else this.lost({ code: 0 });
    }
  }

  close() {
    this.closed = true;
    this.socket?.close();
  }

  /** The server's time now, in ms. */
  now() {
    return Date.now() + (this.skew ?? 0);
  }
}

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}
