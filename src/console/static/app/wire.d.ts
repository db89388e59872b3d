// Written by tests/wire.rs from the server's own types; changes are made there.

/** Narrows what its members see of the account; `PUT …/access_groups/{access_group}`. Only agents,
call managers and report managers can be members. */
export type AccessGroup = {
  id?: string;
  members?: string[];
  name: string;
  queues?: string[];
  users?: string[];
};

/** Settings of an account; `PATCH /v1/accounts/{account}`. */
export type Account = {
  block_max_ms?: number;
  block_min_ms?: number;
  extension_digits?: number;
  group_settings?: GroupDefaults;
  idle_clock?: IdleClock;
  lease_grace_ms?: number;
  max_hops?: number;
  max_queues?: number;
  max_unleased_ms?: number;
  name?: string;
  opt_in_at_login?: OptInAtLogin;
  refused_domains?: string[];
  time_zone?: string;
  transfers_keep_age?: boolean;
  voice_over_others?: boolean;
};

/** An account of the node. */
export type AccountItem = {
  id: string;
};

/** An account that is to be made. */
export type AccountRequest = {
  id: string;
};

/** An agent's day. */
export type AdherenceDay = {
  adherence?: number | null;
  adherent_ms: number;
  from: string;
  id: string;
  scheduled_ms: number;
  to: string;
};

/** A page of days. */
export type AdherencePage = {
  as_of: string;
  items: AdherenceDay[];
  kept_from?: string | null;
  next?: string | null;
  seq: number;
};

/** An agency. */
export type AgencyRequest = {
  accounts?: string[];
  name: string;
};

/** An agency, and who administers it. */
export type AgencyView = {
  accounts: string[];
  administrators: Home[];
  id: string;
  name: string;
};

/** An agent as of now. */
export type AgentView = {
  calls: any[];
  detail?: Detail | null;
  device_lost: boolean;
  forced_by?: string | null;
  lease?: LeaseView | null;
  name?: string | null;
  next?: NextView | null;
  offerable: boolean;
  presence: Presence;
  queues: PairView[];
  reason?: string | null;
  since: string;
  status: Status;
  teams: string[];
  user: string;
  work: Record<string, WorkView>;
  wrap_ups: any[];
};

/** Why an alert is over. */
export type AlertEnd = "cleared" | "rule" | "gone";

/** An alert, as boards show it; also one that is over, for a quarter of an hour. */
export type AlertRow = {
  acknowledged_at?: string | null;
  acknowledged_by?: string | null;
  cause?: AlertEnd | null;
  figure: string;
  id: string;
  name: string;
  raised_at: string;
  resolved_at?: string | null;
  rule: string;
  severity: Severity;
  subject: AlertSubject;
  value: number;
};

/** When an alert is raised; `PUT …/alert_rules/{alert_rule}`. */
export type AlertRule = {
  act?: number | null;
  by?: By;
  clear?: number | null;
  details?: Detail[];
  enabled?: boolean;
  figure: string;
  for_s?: number;
  id?: string;
  ids?: string[];
  name: string;
  side?: Side;
  threshold_s?: Threshold;
  watch?: number | null;
  window?: Window;
};

/** Whose figure an alert is about. */
export type AlertSubject = {
  by: By;
  id: string;
};

/** When callers are told their place in the line, by waiting time in the queue. */
export type Announce = {
  every_ms?: number | null;
  first_after_ms?: number;
};

/** Whether the user's place is in force. */
export type Assignment = "active" | "training" | "pending";

/** A page of what was done. */
export type AuditPage = {
  items: Deed[];
  next?: string | null;
};

/** What is behind a figure. */
export type BehindPage = {
  count: number;
  figure: string;
  from: string;
  items: BehindRow[];
  next?: string | null;
  seq: number;
  to: string;
  value?: number | null;
};

/** One row behind a figure. */
export type BehindRow = {
  adds: Record<string, number>;
  agent?: string | null;
  at: string;
  call?: string | null;
  outcome?: string | null;
  queue?: string | null;
  to?: string | null;
};

/** Why a queue cannot offer a call to an agent now, the first that fits. */
export type BlockedBy = "offline" | "inactive" | "blocked" | "training" | "break" | "opted_out" | "not_ready" | "next_pending" | "reconnecting" | "device_lost" | "no_way_to_ring" | "wrap_up" | "media_blocked" | "capacity" | "delay";

/** Why an agent takes a break; `PUT …/break_reasons/{reason}`. */
export type BreakReason = {
  id?: string;
  name: string;
};

/** Calls at once for many. */
export type BulkCapacity = {
  all?: boolean;
  capacity: Record<string, number>;
  users?: string[];
};

/** A group for many. */
export type BulkGroup = {
  all?: boolean;
  group?: string | null;
  users?: string[];
};

/** One of them. */
export type BulkItem = {
  reason?: string | null;
  status: Status;
  user: string;
  when?: string | null;
};

/** A queue, and how they stand there. */
export type BulkQueue = {
  position?: number;
  queue: string;
  stars?: number;
};

/** Queues for many. */
export type BulkQueues = {
  all?: boolean;
  method?: string;
  queues: BulkQueue[];
  users?: string[];
};

/** What became of one item. */
export type BulkResult = {
  error?: any;
  id: string;
  status: number;
};

/** One result per item. */
export type BulkResults = {
  results: BulkResult[];
};

/** A role for many. */
export type BulkRole = {
  all?: boolean;
  role: Role;
  users?: string[];
};

/** Skills for many. */
export type BulkSkills = {
  all?: boolean;
  method?: string;
  skills: Record<string, number | null>;
  users?: string[];
};

/** Statuses to be forced. */
export type BulkStatus = {
  items: BulkItem[];
};

/** By what figures are told apart. */
export type By = "account" | "queue" | "group" | "agent" | "team";

/** When it is open; `PUT …/calendars/{calendar}`. */
export type Calendar = {
  breaks?: Record<string, string[]>;
  holidays: Holiday[];
  hours: Record<string, string[]>;
  id?: string;
  name: string;
  time_zone?: string | null;
};

/** What is to be changed of a waiting call. */
export type CallChange = {
  priority?: number;
  queue?: string;
  skills?: SkillNeed[];
};

/** A call as of now. */
export type CallView = {
  agent?: string | null;
  arrived_at: string;
  assigned_to?: string | null;
  attributes?: Record<string, string> | null;
  callback?: CallbackView | null;
  crm_updates?: boolean | null;
  dial_audio?: string | null;
  direct_to?: string | null;
  ended_at?: string | null;
  entered_at: string;
  from?: string | null;
  held: boolean;
  id: string;
  media: Media;
  next_step?: NextStep | null;
  offers: OfferView[];
  outcome?: string | null;
  position?: number | null;
  preferred?: PreferredView | null;
  priority: number;
  queue?: string | null;
  queued_at?: string | null;
  rank: number;
  reason?: string | null;
  recording?: boolean | null;
  state: string;
  step?: number | null;
  supervisors: Supervisor[];
  switch: string;
  switch_call: string;
  to?: string | null;
};

/** A callback to make. All fields but `queue` and `number` may be left out. */
export type Callback = {
  attributes?: Record<string, string>;
  not_before?: string | null;
  number: string;
  priority?: number;
  queue: string;
  skills?: SkillNeed[];
  switch?: string | null;
};

/** New values of a callback that waits. */
export type CallbackChange = {
  not_before?: string | null;
  number?: string;
  priority?: number;
  queue?: string;
  skills?: SkillNeed[];
};

/** How a queue calls back. */
export type CallbackPlan = {
  attempts?: number;
  caller_id?: string | null;
  dial_for_ms?: number;
  keep_ms?: number;
  retry_after_ms?: number;
};

/** What a callback has beyond other calls. */
export type CallbackView = {
  attempts: number;
  attempts_left?: number | null;
  dialing_until?: string | null;
  not_before?: string | null;
  of?: string | null;
  reached: boolean;
  requested_by?: string | null;
};

/** A member, seen from a waiting call. */
export type Candidate = {
  against?: string | null;
  candidate: boolean;
  detail?: string | null;
  name?: string | null;
  through?: string | null;
  until?: string | null;
  user: string;
};

/** Each member, and whether it could be offered the call. */
export type Candidates = {
  call: string;
  held_by?: string | null;
  held_until?: string | null;
  items: Candidate[];
  next_step?: NextStep | null;
  preferred?: PreferredView | null;
  queue: string;
  step?: number | null;
};

/** What a switch can do; the engine plans within it. */
export type Capabilities = {
  adds_leg?: boolean;
  announce?: boolean;
  answers_for_agent?: boolean;
  cancels_one_leg?: boolean;
  connects?: Connects;
  hold?: boolean;
  media?: Media[];
  offers_per_call?: number | null;
  originate?: boolean;
  supervise?: boolean;
  times_ring?: boolean;
  transfer?: boolean;
};

/** A wrong cell. */
export type CellError = {
  code: string;
  column?: string | null;
  detail: string;
  pointer: string;
};

/** A field that was changed. */
export type ChangedField = {
  after?: any;
  before?: any;
  field: string;
};

/** Something odd about a queue's configuration. */
export type Check = {
  code: string;
  detail: string;
  pointer: string;
};

/** A command to a switch; more fields by its type. */
export type CommandView = {
  call?: string | null;
  call_id?: string | null;
  deadline: string;
  id: string;
  seq: number;
  time: string;
  type: string;
};

/** Open commands. */
export type CommandsAnswer = {
  commands: CommandView[];
};

/** What became, or would become, of an object or a membership. */
export type ConfigurationChange = {
  change: string;
  fields: FieldChange[];
  object: string;
};

/** What a document has changed, or would change. */
export type ConfigurationChanges = {
  changed: number;
  changes: ConfigurationChange[];
  dry_run: boolean;
  made: number;
  removed: number;
};

/** A whole account, by family and id. Fields that hold their default are left out, and secrets. */
export type ConfigurationDocument = {
  access_groups?: Record<string, any> | null;
  account?: Record<string, any> | null;
  alert_rules?: Record<string, any> | null;
  break_reasons?: Record<string, any> | null;
  calendars?: Record<string, any> | null;
  dispositions?: Record<string, any> | null;
  groups?: Record<string, any> | null;
  hooks?: Record<string, any> | null;
  queues?: Record<string, any> | null;
  reports?: Record<string, any> | null;
  roles?: Record<string, any> | null;
  routes?: Record<string, any> | null;
  skills?: Record<string, any> | null;
  switches?: Record<string, any> | null;
  teams?: Record<string, any> | null;
  users?: Record<string, any> | null;
};

/** Who joins two parties. */
export type Connects = "engine" | "switch";

/** One way to reach a user, and when. */
export type Contact = {
  hours?: Record<string, string[]>;
  to: Target;
};

/** Something that somebody did. */
export type Deed = {
  action: string;
  at: string;
  by: string;
  changed: ChangedField[];
  from?: string | null;
  key?: string | null;
  seq: number;
  subject: string;
  user?: string | null;
};

/** How a figure is worked out. */
export type Definition = {
  formula: string;
  name: string;
  of: string[];
  unit: string;
  version: number;
};

/** What an agent does, the first that fits. */
export type Detail = "talking" | "holding" | "ringing" | "reserved" | "wrap_up" | "break" | "training" | "blocked" | "reconnecting" | "device_lost" | "other_work" | "delay" | "idle";

/** Who is to be dialled. */
export type DialBody = {
  caller_id?: string | null;
  switch?: string | null;
  to: string;
};

/** What the switch was told. */
export type DialedView = {
  caller_id?: string | null;
  switch: string;
  to: string;
  user: string;
};

/** How calls to a user's extension, or to the user by name, are treated. */
export type Direct = {
  call_waiting?: boolean;
  offline?: Target | null;
  ring_for_ms?: number;
  unattended?: Target | null;
};

/** A label for finished calls; `PUT …/dispositions/{disposition}`. */
export type Disposition = {
  id?: string;
  name: string;
};

/** How a call was dealt with. */
export type DispositionBody = {
  disposition?: string | null;
};

/** A CloudEvents 1.0 event, or a list of up to 1,000. */
export type Event = {
  bootid?: string | null;
  data?: any;
  id: string;
  replayed?: string | null;
  sequence?: string | null;
  source: string;
  specversion: string;
  subject?: string | null;
  time?: string | null;
  type: string;
};

/** The answer to one event. */
export type EventResult = {
  call_id?: string | null;
  code?: string | null;
  error?: FieldError | null;
  id: string;
  status: ResultStatus;
};

/** The answer to posted events. */
export type EventsAnswer = {
  commands: CommandView[];
  results: EventResult[];
};

/** How long the intervals are that are told. */
export type Every = "5m" | "15m" | "30m" | "60m" | "day";

/** The exits of a queue (`engine.md` 7). */
export type Exits = {
  closed?: string | null;
  max_wait_ms?: number | null;
  max_waiting?: number | null;
  nobody?: NobodyWhen;
  on_choice?: Target | null;
  on_closed?: Target;
  on_exhausted?: Target | null;
  on_max_wait?: Target;
  on_max_waiting?: Target;
  on_missed?: Target;
  on_nobody?: Target;
  on_total?: Target;
};

/** Records of the journal. */
export type FeedPage = {
  items: Story[];
  next: number;
};

/** A field that differs. */
export type FieldChange = {
  after: any;
  before: any;
  field: string;
};

/** One wrong field. */
export type FieldError = {
  code: string;
  detail: string;
  pointer: string;
};

/** A page of figures. */
export type FiguresPage = {
  as_of: string;
  by: string;
  items: SubjectFigures[];
  next?: string | null;
  seq: number;
  threshold_s: number;
  window: string;
};

/** What kind of file. */
export type FileKind = "csv" | "xlsx";

/** Whose password is forgotten. */
export type Forgotten = {
  account?: string | null;
  email: string;
};

/** An account that was made. */
export type FoundedAccount = {
  id: string;
  owner_key: IssuedKey;
};

/** How long a report's intervals are. */
export type Grain = "15m" | "30m" | "60m" | "day";

/** Somebody of another account, and the role that they get here. */
export type GrantRequest = {
  email: string;
  existing_user: Home;
  role: string;
};

/** The account's settings for all groups; a group's own are stronger, both ways. */
export type GroupDefaults = {
  caller_id?: string | null;
  dial_audio?: string | null;
  may_choose_caller_id?: boolean;
  may_open_recordings?: boolean;
  outbound?: boolean;
};

/** A group's own settings; null (default) = as the account has it for all groups. */
export type GroupSettings = {
  caller_id?: string | null;
  dial_audio?: string | null;
  may_choose_caller_id?: boolean | null;
  may_open_recordings?: boolean | null;
  outbound?: boolean | null;
};

/** How the node is, for `/readyz` and people. */
export type Health = {
  accounts: number;
  disk_free?: number | null;
  disk_short: boolean;
  life: string;
  queued: number;
  ready: boolean;
  wall_ahead_ms: number;
};

/** A call of the past. */
export type HistoryCall = {
  agents: any[];
  arrived_at: string;
  callback: boolean;
  callback_of?: string | null;
  ended_at?: string | null;
  id: string;
  media: string;
  offers: any[];
  outcome?: string | null;
  reason?: string | null;
  skills: string[];
  stays: any[];
  to?: string | null;
};

/** A page of calls of the past. */
export type HistoryCalls = {
  as_of: string;
  items: HistoryCall[];
  kept_from?: string | null;
  next?: string | null;
  seq: number;
};

/** One interval. */
export type HistoryInterval = {
  complete: boolean;
  figures: Record<string, number | null>;
  from: string;
  service_levels?: ServiceLevels[] | null;
  to: string;
};

/** A page of the history. */
export type HistoryPage = {
  as_of: string;
  by: string;
  interval: string;
  items: SubjectHistory[];
  kept_from?: string | null;
  next?: string | null;
  seq: number;
  threshold_s: number;
  zone: string;
};

/** A day with hours of its own. */
export type Holiday = {
  date: string;
  hours: string[];
  name?: string | null;
};

/** Where a person with roles in several accounts is kept: the originating account, and the user
there. The parts of the profile that are the person's own (`SHARED`) are changed only there. */
export type Home = {
  account: string;
  user: string;
};

/** Who is told what happens; `PUT …/hooks/{hook}`. */
export type Hook = {
  by?: By;
  dropped?: number;
  enabled?: boolean;
  events?: HookEvent[];
  id?: string;
  interval?: Every;
  name: string;
  threshold_s?: Threshold;
  waiting?: number;
  webhook: Webhook;
};

/** What a hook can be told. */
export type HookEvent = "interval.closed" | "alert.raised" | "alert.changed" | "alert.acknowledged" | "alert.resolved";

/** What sets an agent's idle clock, beside the end of a queue or group call's wrap-up and a
log-on, which always do. */
export type IdleClock = "handled" | "any_work" | "offered" | "status";

/** A user whom an import changed. */
export type ImportChange = {
  fields: string[];
  id: string;
};

/** An import that is remembered. */
export type ImportItem = {
  at: string;
  by: string;
  changed: number;
  id: string;
  made: number;
  undone: boolean;
};

/** What a file has done, or would do. */
export type ImportReport = {
  changed: number;
  dry_run: boolean;
  import?: string | null;
  made: number;
  refused: number;
  results: ImportedRow[];
  unchanged: number;
};

/** What was taken back. */
export type ImportUndone = {
  import: string;
  results: UndoneUser[];
};

/** An import with its users. */
export type ImportView = {
  at: string;
  by: string;
  changed: ImportChange[];
  id: string;
  made: string[];
  undone: boolean;
};

/** What became, or would become, of a row. */
export type ImportedRow = {
  change: string;
  code?: string | null;
  detail?: string | null;
  errors: CellError[];
  expires_at?: string | null;
  id?: string | null;
  link?: string | null;
  row: number;
  status: number;
};

/** Who is to be invited. */
export type InviteRequest = {
  items: User[];
};

/** What became of an invitation. */
export type InviteResult = {
  error?: any;
  expires_at?: string | null;
  id: string;
  link?: string | null;
  mailed?: boolean | null;
  status: number;
};

/** What became of each. */
export type InviteResults = {
  results: InviteResult[];
};

/** Somebody who is invited. */
export type InviteView = {
  email?: string | null;
  expires_at?: string | null;
  mail?: MailStage | null;
  name?: string | null;
  role: string;
  user: string;
};

/** A key, and its secret. */
export type IssuedKey = {
  id: string;
  secret: string;
};

/** The key that is asked for. */
export type KeyRequest = {
  expires_at?: string | null;
  name: string;
  networks?: string[];
  role: Role;
  scopes?: Permission[] | null;
  switch?: string | null;
  user?: string | null;
};

/** A key as the API shows it. */
export type KeyView = {
  created_at: string;
  expires_at?: string | null;
  id: string;
  name: string;
  networks: string[];
  role: Role;
  scopes?: Permission[] | null;
  switch?: string | null;
  user?: string | null;
};

/** What holds an agent's status. */
export type LeaseView = {
  desks: number;
  grace_until?: string | null;
  until?: string | null;
};

/** What a one-time link is for. */
export type LinkPurpose = "invite" | "reset";

/** Nothing is asked for. */
export type LinkRequest = Record<string, any>;

/** Whose a link is. */
export type LinkView = {
  account: string;
  email?: string | null;
  expires_at?: string | null;
  name?: string | null;
  numeric: boolean;
  purpose: string;
  user: string;
};

/** A user in a list. */
export type ListedUserView = User & {
  group?: QueuePlaceView | null;
  queues?: QueuePlaceView[] | null;
};

/** A link's secret. */
export type LookLink = {
  link: string;
};

/** A one-time link. */
export type MadeLink = {
  expires_at: string;
  link?: string | null;
  mailed: boolean;
  purpose: LinkPurpose;
  user: string;
};

/** How far a mail is. */
export type MailStage = "queued" | "failing" | "sent" | "failed";

/** Who asks. */
export type Me = {
  account: string;
  accounts: PlaceView[];
  name: string;
  role: Role;
  session?: string | null;
  switch?: string | null;
  user?: string | null;
};

/** What kind of contact a call is. */
export type Media = "voice" | "chat" | "email" | "sms" | "fax" | "voicemail" | "campaign";

/** A user's place in a queue or group; `PUT …/queues/{queue}/members/{user}`. */
export type Member = {
  id?: string;
  opted_in?: boolean;
  position?: number;
  source?: string;
  stars?: number;
};

/** That a message was read. */
export type MessageReceipt = {
  message: string;
};

/** A message and its receipts. */
export type MessageView = {
  at: string;
  by: string;
  id: string;
  read: number;
  sent: number;
  text: string;
  unread: string[];
};

/** The status that members need. */
export type Needs = "ready" | "online";

/** A waiting call that an agent is next for. */
export type NextCall = {
  blocked_by?: BlockedBy | null;
  blocked_until?: string | null;
  call: string;
  held_by?: string | null;
  held_until?: string | null;
  next_step?: NextStep | null;
  queue: string;
  step?: number | null;
  through?: string | null;
};

/** A step to come. */
export type NextStep = {
  at: string;
  step: number;
};

/** A status chosen for after the present work. */
export type NextView = {
  forced_by?: string | null;
  reason?: string | null;
  status: Status;
};

/** When the exit `nobody` is taken. */
export type NobodyWhen = "off" | "logged_in" | "offerable";

/** A message to many. */
export type NotifyBody = {
  all?: boolean;
  text: string;
  users?: string[];
};

/** What became of it for one user. */
export type NotifyResult = {
  desks?: number;
  error?: any;
  id: string;
  status: number;
};

/** To whom a message went. */
export type NotifyResults = {
  message?: string | null;
  results: NotifyResult[];
};

/** One attempt to hand a call to one agent. */
export type OfferView = {
  agent: string;
  closed_at?: string | null;
  id: string;
  made_at: string;
  outcome?: string | null;
  over: boolean;
  queue?: string | null;
  reason?: string | null;
  ringing: boolean;
  round: number;
  through?: string | null;
  why: any;
};

/** Where direct calls go while offline. */
export type OfflineBody = {
  to: Target | null;
};

/** What follows a missed or refused offer. */
export type OnMiss = "next" | "requeue" | "exit";

/** A session that was opened. */
export type OpenedSession = {
  account: string;
  csrf: string;
  expires_at: string;
  id: string;
  idle_ms: number;
  role: Role;
  token?: string | null;
  user: string;
};

/** What a log-on does to the opt-ins of the agent's queues. */
export type OptInAtLogin = "keep" | "all" | "none";

/** In or out of a queue. */
export type OptedInBody = {
  opted_in: boolean;
};

/** Which agent is first. */
export type Order = "longest_idle" | "least_calls" | "in_order" | "stars" | "round_robin" | "random" | "weighted" | "least_versatile" | "least_talk" | "least_occupied";

/** An agent in one queue. */
export type PairView = {
  blocked_by?: BlockedBy | null;
  detail?: Detail | null;
  offerable: boolean;
  presence: Presence;
  queue: string;
  source: Source;
};

/** A new password. */
export type PasswordRequest = {
  confirm: string;
  current?: string | null;
  password: string;
};

/** How often, and over which time: that which is over. */
export type Period = "day" | "week" | "month";

/** What may be permitted, with the word that a refusal names. */
export type Permission = "account" | "users" | "teams" | "queues" | "channels" | "hours" | "skills" | "numbers" | "integrations" | "billing" | "roles" | "supervisors" | "configuration.read" | "watch" | "steer" | "monitor" | "work" | "log.read" | "log.edit" | "reports" | "audit" | "feed" | "switch";

/** A permission. */
export type PermissionView = {
  id: Permission;
  roles: string[];
};

/** The personal values of a user; kept in the vault under one key, erased together. */
export type Personal = {
  avatar?: string | null;
  contacts?: Contact[];
  email?: string | null;
  endpoint?: string | null;
  external_id?: string | null;
  external_ids?: Record<string, string>;
  first_name?: string | null;
  last_name?: string | null;
  numbers?: string[];
};

/** A place that a person has. */
export type PlaceView = {
  account: string;
  agency?: string | null;
  is_home: boolean;
  role: string;
  state: UserState;
  user?: string | null;
};

/** All of a plan. All fields but `order` may be left out. */
export type Plan = {
  again?: boolean;
  again_after_ms?: number;
  attempts?: number | null;
  by?: any;
  on_miss?: OnMiss;
  order: Order;
  ring_for_ms?: any;
  ties?: Ties | null;
  total_ms?: number | null;
  width?: any;
  window?: Window | null;
};

/** A named agent, or the last agent of the caller; exactly one of the two. */
export type PreferredAgent = {
  agent?: string | null;
  hold_for_ms?: number;
  last_agent?: boolean;
};

/** An agent whom a call waits for. */
export type PreferredView = {
  agent: string;
  until: string;
};

/** What boards colour; derived, never stored. */
export type Presence = "available" | "opted_out" | "busy" | "offline";

/** A named order × ring plan. */
export type Preset = "simultaneous" | "least_calls" | "sequential" | "skilled" | "longest_idle" | "round_robin" | "random" | "weighted" | "least_versatile" | "least_talk" | "least_occupied";

/** A refusal, RFC 9457. */
export type Problem = {
  code: string;
  detail: string;
  errors?: FieldError[];
  existing_user?: Home;
  status: number;
  title: string;
  type: string;
};

/** All that one page about a user tells. */
export type ProfileView = {
  group?: QueuePlaceView | null;
  queues: QueuePlaceView[];
  resolved: ResolvedView;
  supervises: string[];
  teams: string[];
  user: User;
};

/** A queue or group. All fields but `name` may be left out. */
export type Queue = {
  after_busy_ms?: number;
  after_miss_ms?: number;
  after_refusal_ms?: number;
  after_unreachable_ms?: number;
  again?: boolean;
  again_after_ms?: number;
  announce?: Announce | null;
  attempts?: number | null;
  callback?: CallbackPlan;
  competency?: boolean;
  crm_updates?: boolean;
  dispositions?: string[];
  exits?: Exits;
  extension?: string | null;
  id?: string;
  max_misses?: number;
  max_ringing?: number | null;
  max_unreachable?: number;
  media?: Media;
  name: string;
  needs?: Needs;
  on_miss?: OnMiss;
  preferred?: PreferredAgent | null;
  priority?: number;
  recording?: boolean;
  resolved?: Record<string, any>;
  ring_for_ms?: number | null;
  settings?: GroupSettings;
  short_abandon_ms?: number;
  steps?: Step[];
  strategy?: Strategy;
  supervisors?: string[];
  total_ms?: number | null;
  weight?: number;
  wrap_up?: WrapUp;
};

/** A place in a queue or group. */
export type QueuePlaceView = {
  id: string;
  media: Media;
  name: string;
  opted_in: boolean;
  position: number;
  source: Source;
  stars: number;
};

/** How the members of a team stand in a queue. */
export type QueueTeam = {
  id?: string;
  position?: number;
  stars?: number;
};

/** How far a row of a matrix reaches. */
export type Reach = "team" | "call_centre" | "account";

/** A report that is sent by itself; `PUT …/reports/{report}`. */
export type Report = {
  at?: string;
  by?: By;
  enabled?: boolean;
  every?: Period;
  figures?: string[];
  folder?: string | null;
  format?: FileKind;
  id?: string;
  interval?: Grain;
  name: string;
  sent_until?: string;
  threshold_s?: Threshold;
  time_zone?: string | null;
  users?: string[];
};

/** Settings that hold. */
export type ResolvedView = {
  caller_id?: string | null;
  dial_audio?: string | null;
  may_choose_caller_id: boolean;
  may_open_recordings: boolean;
  outbound: boolean;
  time_zone: string;
};

/** What became of an event. */
export type ResultStatus = "accepted" | "duplicate" | "ignored" | "rejected";

/** What a person or program may do: presets, each a list of permissions (`domain::rights`). */
export type Role = "owner" | "administrator" | "manager" | "supervisor" | "call_center_manager" | "call_center_supervisor" | "team_leader" | "team_supervisor" | "agent" | "customer_service" | "call_agent" | "call_manager" | "report_manager" | "billing_manager" | "switch" | "custom";

/** A role; `PUT …/roles/{role}`. */
export type RoleBody = {
  id?: string;
  like?: Role;
  monitor?: Row | null;
  name: string;
  permissions?: Permission[];
  preset?: boolean;
  view?: Row | null;
};

/** Where calls to a number go; `PUT …/routes/{route}`. */
export type Route = {
  id?: string;
  number: string;
  priority?: number;
  skills?: SkillNeed[];
  to: Target;
};

/** A row of a matrix: users with these roles, so far. */
export type Row = {
  reach?: Reach;
  roles: Role[];
};

/** A view that a user has saved; `PUT …/users/{user}/views/{view}`. */
export type SavedView = {
  name: string;
  path: string;
  shared?: SharedWith;
  zone?: string | null;
};

/** Service levels of one threshold. */
export type ServiceLevels = {
  service_level?: number | null;
  service_level_of_all_that_left?: number | null;
  service_level_with_exits?: number | null;
  service_level_with_short_abandons?: number | null;
  threshold_ms: number;
};

/** A session. */
export type SessionView = {
  created_at: string;
  current: boolean;
  expires_at: string;
  from?: string | null;
  id: string;
  idle_ms: number;
  program?: string | null;
  seen_at: string;
  user: string;
};

/** A setting of a user that may be left to the queue (seeds S1-28, S1-29). */
export type Setting = "as_queue" | "on" | "off";

/** How bad it is. */
export type Severity = "watch" | "act";

/** Who else may open a view. */
export type SharedWith = "nobody" | "team" | "account";

/** On which side of a threshold a value is wrong. */
export type Side = "above" | "below";

/** E-mail and password. */
export type SignInRequest = {
  account?: string;
  cookie?: boolean;
  email: string;
  password: string;
};

/** A skill; `PUT …/skills/{skill}`. */
export type Skill = {
  id?: string;
  level_required?: boolean;
  max?: number;
  min?: number;
  name: string;
};

/** A required skill with a range of levels. */
export type SkillNeed = {
  max?: number | null;
  min?: number;
  skill: string;
};

/** When a step is passed over. Members through `also` count, the call's pass does not. */
export type SkipIf = "nobody_logged_in" | "nobody_offerable";

/** How a user is a member. */
export type Source = "direct" | "team";

/** A member as supervisors see one. */
export type StaffRow = {
  blocked_by?: BlockedBy | null;
  count: number;
  detail?: Detail | null;
  name?: string | null;
  offerable: boolean;
  opted_in: boolean;
  position: number;
  presence: Presence;
  reason?: string | null;
  since: string;
  source: string;
  stars: number;
  status: Status;
  user: string;
};

/** What the person, a supervisor or a rule chose. A break's reason stands beside it. */
export type Status = "offline" | "online" | "ready" | "on_break";

/** A status to be set. */
export type StatusBody = {
  lease_ms?: number | null;
  reason?: string | null;
  status: Status;
  when?: string | null;
};

/** What a waiting call requires of an agent from `after_ms` on, in place of the step before. */
export type Step = {
  after_ms?: number;
  agents?: string[] | null;
  also?: Target[];
  skills?: SkillNeed[];
  skip_if?: SkipIf | null;
  stars_min?: number | null;
};

/** A part of a story: a record of the journal with names. */
export type Story = {
  at: string;
  seq: number;
};

/** A preset's name, or a plan. */
export type Strategy = Preset | Plan;

/** A subject's figures. */
export type SubjectFigures = {
  figures: Record<string, number | null>;
  from: string;
  id: string;
  service_levels?: ServiceLevels[] | null;
};

/** A subject's intervals. */
export type SubjectHistory = {
  id: string;
  intervals: HistoryInterval[];
};

/** How to be on a call. */
export type Supervise = {
  mode: string;
};

/** Who supervises a call. */
export type Supervisor = {
  mode: string;
  since: string;
  user: string;
};

/** A switch; `PUT …/switches/{switch}`. */
export type Switch = {
  bootid?: string | null;
  capabilities?: Capabilities;
  clock_off?: boolean;
  clock_skew_ms?: number | null;
  id?: string;
  name: string;
  suspected?: boolean;
  webhook?: Webhook | null;
};

/** Where an exit leads. */
export type Target = {
  queue: string;
} | {
  group: string;
} | {
  number: string;
} | {
  agent: string;
} | {
  voicemail: string;
} | {
  callback: boolean;
} | {
  end: boolean;
};

/** Agents under a supervisor; `PUT …/teams/{team}`. */
export type Team = {
  id?: string;
  name: string;
};

/** Who joins and who leaves a team. */
export type TeamChange = {
  add?: string[];
  remove?: string[];
};

/** A team after a change. */
export type TeamChanged = {
  id: string;
  members: number;
};

/** A user's place in a team; `PUT …/teams/{team}/members/{user}`. It has nothing to set. */
export type TeamMember = {
  id?: string;
};

/** A service level's threshold, in whole seconds from one second to seven days. */
export type Threshold = number;

/** A ticket, as it is answered. */
export type Ticket = {
  expires_at: string;
  ticket: string;
};

/** The request: nothing is asked for. */
export type TicketRequest = Record<string, any>;

/** Who is first of those whom the order does not tell apart. */
export type Ties = "longest_idle" | "random";

/** A page of what an agent did. */
export type Timeline = {
  as_of: string;
  items: TimelineSpan[];
  kept_from?: string | null;
  next?: string | null;
  seq: number;
};

/** Time of an agent in one state. */
export type TimelineSpan = {
  detail?: string | null;
  from: string;
  ms: number;
  reason?: string | null;
  status: string;
  to: string;
};

/** Where a call is transferred. */
export type Transfer = {
  kind?: TransferKind;
  to: TransferTo;
};

/** How a transfer was made. */
export type TransferKind = "blind" | "attended";

/** Where a transfer went. */
export type TransferTo = {
  queue: string;
} | {
  group: string;
} | {
  agent: string;
} | {
  extension: string;
} | {
  number: string;
};

/** What became of a user when an import was taken back. */
export type UndoneUser = {
  error?: any;
  id: string;
  kept: string[];
  status: number;
  undone: string;
};

/** A link's secret and the password that it sets. */
export type UseLink = {
  confirm: string;
  email?: string | null;
  first_name?: string | null;
  last_name?: string | null;
  link: string;
  password: string;
};

/** Who may sign in now. */
export type UsedLink = {
  account: string;
  purpose: string;
  user: string;
};

/** A user; `PUT …/users/usr_…`. Personal values live in the vault, not in the journal's records. */
export type User = Personal & {
  archived?: boolean;
  assignment?: Assignment;
  blocked_until?: string | null;
  caller_id?: string | null;
  caller_ids?: string[];
  capacity?: Record<string, number>;
  crm_updates?: Setting;
  direct?: Direct;
  dispositions?: string[];
  domain?: string | null;
  extension?: string | null;
  home?: Home | null;
  may_choose_caller_id?: boolean;
  may_dial_domains?: boolean;
  may_edit_offline?: boolean;
  may_opt?: boolean;
  may_use_own_number?: boolean;
  recording?: Setting;
  role?: string;
  schedule?: string | null;
  skills?: Record<string, number | null>;
  state?: UserState;
  time_zone?: string | null;
  type?: UserKind;
} & {
  id?: string;
};

/** A file of users. */
export type UserFile = string;

/** What kind of user, for billing and function. */
export type UserKind = "contact_centre" | "pbx";

/** A user's life in the account. */
export type UserState = "invited" | "active" | "deactivated";

/** Whether a user may do something. */
export type Verdict = {
  action: string;
  actor: string;
  allowed: boolean;
  rule: string;
  subject?: string | null;
};

/** A view that one may open. */
export type View = {
  id: string;
  name: string;
  own: boolean;
  path: string;
  shared: SharedWith;
  user: string;
  user_name?: string | null;
  version: number;
  zone?: string | null;
};

/** A switch's webhook. */
export type Webhook = {
  authorization?: string | null;
  secret?: string | null;
  url: string;
};

/** A window that ends now. */
export type Window = "15m" | "60m" | "24h" | "today";

/** Units of one media. */
export type WorkView = {
  of: number;
  used: number;
};

/** `{ "ms": n }`, or `{ "manual": true, "max_ms": n }`. */
export type WrapUp = {
  manual?: boolean;
  max_ms?: number;
  ms?: number;
};

export type AgentRow = {
  calls: string[];
  detail: Detail | null;
  forced_by: string | null;
  id: string;
  name: string | null;
  next: Status | null;
  offerable: boolean;
  presence: Presence;
  queues: Record<string, PairRow>;
  reason: string | null;
  since: string;
  status: Status;
};

export type CallRow = {
  agent: string | null;
  arrived_at: string;
  callback?: boolean;
  entered_at: string;
  from: string | null;
  id: string;
  media: string;
  offers: {
    agent: string;
    id: string;
    since: string;
  }[];
  priority: number;
  queue: string | null;
  queued_at: string;
  rank: number;
  state: "waiting" | "offered" | "connected";
};

/** What a switch is asked to do. */
export type CommandType = "call.queue" | "call.announce" | "offer.ring" | "offer.cancel" | "offer.answer" | "call.connect" | "call.originate" | "call.hold" | "call.resume" | "call.transfer" | "call.supervise" | "call.route" | "call.end" | "switch.sync";

/** Names, by id, of what the agent's desk shows: own queues and those of calls and wrap-ups; who has forced a status. */
export type DeskNames = {
  queues: Record<string, string>;
  users: Record<string, string>;
};

export type DeskOffer = {
  at_desk: boolean;
  attributes: Record<string, string> | null;
  call: string;
  callback: boolean;
  from: string | null;
  media: string;
  offer: string;
  queue: string | null;
  queue_name: string | null;
  ringing: boolean;
  since: string;
  until: string;
};

/** What the engine acts upon; other types are kept and change nothing. */
export type EventType = "call.arrived" | "call.abandoned" | "call.ended" | "call.updated" | "call.held" | "call.resumed" | "call.transferred" | "call.joined" | "call.left" | "call.choice" | "call.overflowed" | "offer.ringing" | "offer.answered" | "offer.failed" | "customer.answered" | "customer.failed" | "agent.call_started" | "agent.call_ended" | "device.registered" | "device.lost" | "command.failed" | "switch.started" | "switch.heartbeat" | "switch.sync";

export type Ids = string[];

export type PairRow = {
  blocked_by: BlockedBy | null;
  detail: Detail | null;
  offerable: boolean;
  presence: Presence;
  source: Source;
};

export type QueueRow = {
  agents: {
    available: number;
    busy: number;
    offline: number;
    opted_out: number;
  };
  id: string;
  kind: "queue" | "group";
  offerable: number;
  oldest_at: string | null;
  ringing: number;
  talking: number;
  today: {
    abandoned: number;
    answered: number;
    exited: number;
    offered: number;
    short_abandoned: number;
  };
  waiting: number;
};
