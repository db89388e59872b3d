// @ts-check
// A WebSocket that comes back. It knows nothing of what the frames mean.

/**
 * `onWrong`: the server did not understand the first frame; whether another one is worth a try.
 * `ticket`: a one-use ticket, or null where the cookie opens the door. `hello`: the first frame after it, or
 * null.
 * @typedef {{
 *   url: string, protocol: string,
 *   ticket: () => Promise<string | null>,
 *   hello: () => unknown,
 *   onFrame: (frame: any) => void,
 *   onOpen?: () => void,
 *   onLost: (why: string) => void,
 *   onWrong?: (why: string) => boolean,
 *   onRefused: (why: string) => void,
 * }} Plan
 */

const FIRST_MS = 500,
  MOST_MS = 8000;
/** A server that says nothing for so long is gone: it ticks every second. */
const SILENT_MS = 10_000;

/** Keeps a socket open until `close`. @param {Plan} plan @param {{ ticks?: boolean }} [how] */
export function keepOpen(plan, how = {}) {
  /** @type {WebSocket | null} */ let socket = null;
  let wait = FIRST_MS,
    closed = false,
    heard = 0,
    tries = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
  /** When the next try is, as Date.now(). */
  let nextAt = 0;

  async function open() {
    clearTimeout(timer);
    const turn = ++tries;
    let ticket = null;
    try {
      ticket = await plan.ticket();
    } catch (error) {
      const status = /** @type {any} */ (error).status ?? 0;
      if (status === 401 || status === 403) return refuse(String(/** @type {any} */ (error).message));
      return later(String(/** @type {any} */ (error).message));
    }
    if (closed || turn !== tries) return;
    const own = new WebSocket(plan.url, plan.protocol);
    socket = own;
    own.onopen = () => {
      heard = Date.now();
      if (ticket) own.send(JSON.stringify({ ticket }));
      const first = plan.hello();
      if (first) own.send(JSON.stringify(first));
      plan.onOpen?.();
    };
    own.onmessage = (event) => {
      if (socket !== own) return;
      heard = Date.now();
      wait = FIRST_MS;
      const frame = JSON.parse(event.data);
      if (frame.type === 'going_away') wait = frame.retry_after_ms;
      else plan.onFrame(frame);
    };
    own.onclose = (event) => {
      if (socket !== own) return;
      socket = null;
      if (event.code === 4400 && plan.onWrong?.(event.reason)) open();
      else if (event.code === 4401 || event.code === 4403)
        refuse(event.reason || 'The server closed the connection.');
      else later(event.reason);
    };
  }

  /** @param {string} why */
  function later(why) {
    if (closed) return;
    plan.onLost(why);
    // Spread out, so that a floor of dashboards does not come back at once.
    const after = wait * (0.75 + Math.random() / 2);
    wait = Math.min(wait * 2, MOST_MS);
    nextAt = Date.now() + after;
    clearTimeout(timer);
    timer = setTimeout(open, after);
  }

  /** @param {string} why */
  function refuse(why) {
    if (!closed) {
      close();
      plan.onRefused(why);
    }
  }

  function close() {
    closed = true;
    clearTimeout(timer);
    clearInterval(watch);
    const own = socket;
    socket = null;
    own?.close();
  }

  const watch = setInterval(() => {
    if (
      how.ticks === false ||
      !socket ||
      socket.readyState !== WebSocket.OPEN ||
      Date.now() - heard < SILENT_MS
    )
      return;
    const own = socket;
    socket = null;
    own.close();
    later('no frame for 10 s');
  }, 1000);

  open();
  return {
    close,
    /** @param {unknown} frame Whether it was sent. */
    send(frame) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    /** Tries at once, for the impatient. */
    now() {
      if (!closed && !socket) {
        wait = FIRST_MS;
        open();
      }
    },
    /** When the next try is. */
    nextTry: () => nextAt,
  };
}
