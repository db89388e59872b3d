// @ts-check
// What the engine's words look like on the floor. The page draws presence; it never works it out.

/**
 * @typedef {'green' | 'red' | 'orange' | 'gray'} Tone
 * @typedef {import('../wire').AgentRow} AgentRow
 * @typedef {import('../wire').PairRow} PairRow
 */

/** @type {readonly { tone: Tone, presence: import('../wire').Presence, name: string, hint: string }[]} */
export const TONES = [
  { tone: 'green', presence: 'available', name: 'Ready', hint: 'Available, or working in the queue' },
  {
    tone: 'red',
    presence: 'busy',
    name: 'Unavailable',
    hint: 'Assigned and opted in, but busy or on a break',
  },
  { tone: 'orange', presence: 'opted_out', name: 'Opted out', hint: 'Logged in, opted out of the queue' },
  { tone: 'gray', presence: 'offline', name: 'Logged out', hint: 'Logged out or disconnected' },
];
/** @type {Record<string, number>} */
export const TONE_AT = Object.fromEntries(TONES.map((t, i) => [t.presence, i]));
/** @param {number} at @returns {Tone} */
export const toneAt = (at) => TONES[at]?.tone ?? 'gray';

/**
 * Details in the order of how pressing they are, with what people call them. `over`: seconds after which the
 * time in it is called out.
 */
const DETAILS = /** @type {const} */ ([
  ['', 'Logged out', Infinity],
  ['reconnecting', 'Disconnected', 30],
  ['device_lost', 'Phone lost', 60],
  ['ringing', 'Ringing', 30],
  ['reserved', 'Being offered', 30],
  ['talking', 'On call', 900],
  ['holding', 'On hold', 180],
  ['wrap_up', 'Wrap-up', 180],
  ['idle', 'Available', Infinity],
  ['delay', 'Short pause', 60],
  ['other_work', 'Working elsewhere', 1800],
  ['training', 'In training', Infinity],
  ['break', 'Break', 1800],
  ['blocked', 'Blocked', Infinity],
]);
/** @type {Record<string, number>} */
export const DETAIL_AT = Object.fromEntries(DETAILS.map(([word], i) => [word, i]));
/** @param {number} at @returns {string} */
export const detailWord = (at) => DETAILS[at]?.[0] ?? '';

/**
 * A state as a person reads it. @param {number} tone @param {number} detail @param {boolean} offerable @param
 * {string} reason
 * @returns {{ label: string, solid: boolean, over: number }}
 */
export function stateOf(tone, detail, offerable, reason = '') {
  const [word, label, over] = DETAILS[detail] ?? DETAILS[0];
  // Hollow says: could take a call now, or at rest by choice. Solid: something is going on.
  if (word === 'break') return { label: reason ? `Break: ${reason}` : label, solid: false, over };
  if (word === 'idle') {
    if (tone === 2) return { label: 'Opted out', solid: true, over: overAfter(tone, detail) };
    if (tone === 1) return { label: 'Not available', solid: true, over: overAfter(tone, detail) };
    return { label: offerable ? label : 'Not offerable', solid: !offerable, over };
  }
  return { label, solid: word !== '', over };
}

/**
 * From how many seconds on the time in a state is called out; costs nothing, for whole floors.
 * @param {number} tone
 * @param {number} detail
 */
export const overAfter = (tone, detail) =>
  DETAILS[detail]?.[0] !== 'idle'
    ? (DETAILS[detail]?.[2] ?? Infinity)
    : tone === 2
      ? 1800
      : tone === 1
        ? 900
        : Infinity;

/** Why no call can be offered, in a sentence's end. @type {Record<string, string>} */
export const BLOCKED = {
  offline: 'is logged out',
  inactive: 'may not work',
  blocked: 'is blocked',
  training: 'is in training',
  break: 'is on a break',
  opted_out: 'is opted out',
  not_ready: 'is logged in but not ready',
  next_pending: 'has chosen another status for after this work',
  reconnecting: 'was disconnected a moment ago',
  device_lost: 'has no phone registered',
  no_way_to_ring: 'has neither desk nor phone',
  wrap_up: 'is in wrap-up',
  media_blocked: 'is on a call that allows no other work',
  capacity: 'has no room for another call',
  delay: 'is paused after the last offer',
  reserved: 'is being offered another call',
  skills: 'lacks a skill',
  stars: 'has too few stars for this step',
  tried: 'was tried in this round',
};

/** @type {Record<string, string>} */
export const MEDIA = {
  voice: 'Voice',
  chat: 'Chat',
  email: 'E-mail',
  sms: 'SMS',
  fax: 'Fax',
  voicemail: 'Voicemail',
  campaign: 'Campaign',
};

/** @type {Record<string, string>} */
export const ROLES = {
  owner: 'Owner',
  administrator: 'Administrator',
  manager: 'Manager',
  supervisor: 'Supervisor',
  call_center_manager: 'Call-centre manager',
  call_center_supervisor: 'Call-centre supervisor',
  team_leader: 'Team leader',
  team_supervisor: 'Team supervisor',
  agent: 'Agent',
  customer_service: 'Customer service',
  call_agent: 'Call agent',
  call_manager: 'Call manager',
  report_manager: 'Report manager',
  billing_manager: 'Billing manager',
  switch: 'Switch',
  custom: 'Own role',
};

/**
 * How a supervisor is on a call: the button, and what it does.
 * @type {Record<string, [label: string, about: string]>}
 */
export const SUPERVISING = {
  monitor: ['Monitor', 'Your phone rings: hear the call, heard by nobody'],
  whisper: ['Whisper', 'Your phone rings: the agent hears you, the customer does not'],
  barge: ['Barge in', 'Your phone rings: both hear you'],
  take_over: ['Take over…', 'Your phone rings: you have the call, the agent no longer'],
};
