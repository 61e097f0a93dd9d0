/**
 * What a browser believes about one room, and how a message changes that belief.
 *
 * Pure: no socket, no clock. `tests/vectors/changes.json` holds these rules as cases; Python runs
 * the same ones. The rules in words: docs/protocol.md, "Watching".
 */

/** @typedef {Record<string, any>} State a map without a prototype: its keys come from users */
/** @typedef {{ room: string, epoch: string, seq: number, state: State }} Snapshot */
/**
 * @typedef {{ room: string, epoch: string, seq: number,
 *   set?: Record<string, any> | null, unset?: string[] | null }} Change
 */
/** @typedef {"applied" | "old" | "resync"} Verdict */

/**
 * A room as the browser knows it. `held` is a list while the answer to a question is awaited.
 *
 * @typedef {{ snapshot: Snapshot | null, held: Change[] | null }} Room
 */

/** @type {State} */
const EMPTY = Object.freeze(Object.create(null));

/**
 * Copies a map into one without a prototype, so that a user called `__proto__` is only a key.
 *
 * @param {Record<string, any> | null | undefined} map
 * @returns {State}
 */
function plainMap(map) {
  return Object.assign(Object.create(null), map);
}

/**
 * Says what a change means for a snapshot.
 *
 * @param {Snapshot} snapshot
 * @param {Change} change
 * @returns {Verdict}
 */
export function judge(snapshot, change) {
  // A room never written has the epoch "": no change can follow on it.
  if (snapshot.epoch === "" || change.epoch !== snapshot.epoch) return "resync";
  if (change.seq <= snapshot.seq) return "old";
  return change.seq === snapshot.seq + 1 ? "applied" : "resync";
}

/**
 * Applies a change; the snapshot given is left as it was.
 *
 * @param {Snapshot} snapshot
 * @param {Change} change
 * @returns {{ result: Verdict, snapshot: Snapshot }}
 */
export function applyChange(snapshot, change) {
  const result = judge(snapshot, change);
  if (result !== "applied") return { result, snapshot };
  const state = plainMap(snapshot.state);
  for (const field of change.unset ?? []) delete state[field];
  Object.assign(state, change.set);
  return { result, snapshot: { ...snapshot, seq: change.seq, state } };
}

/**
 * A room whose snapshot is being asked for: what comes meanwhile is held.
 *
 * Whatever was held before the question is in its answer, which Redis reads later.
 *
 * @param {Snapshot | null} snapshot what stays on screen until the answer
 * @returns {Room}
 */
export function asking(snapshot) {
  return { snapshot, held: [] };
}

/**
 * Takes a snapshot, then whatever was held while it was awaited.
 *
 * @param {Room} room
 * @param {Snapshot} snapshot
 * @returns {{ room: Room, resync: boolean }}
 */
export function receiveState(room, snapshot) {
  const { snapshot: known, held } = room;
  // Nobody asked, and it is older: two messages crossed, or Redis has gone back to an earlier state
  // and counts from there. The answer to a question tells which.
  if (!held && known && known.epoch === snapshot.epoch && snapshot.seq < known.seq) {
    return { room: asking(known), resync: true };
  }
  /** @type {Room} */
  let next = { snapshot: { ...snapshot, state: plainMap(snapshot.state) }, held: null };
  for (const change of held ?? []) {
    const step = receiveChange(next, change);
    if (step.resync) return step;
    next = step.room;
  }
  return { room: next, resync: false };
}

/**
 * Takes a change. `resync` asks the caller to send `room_watch` again.
 *
 * @param {Room} room
 * @param {Change} change
 * @returns {{ room: Room, resync: boolean }}
 */
export function receiveChange(room, change) {
  if (room.held || !room.snapshot) {
    return { room: { ...room, held: [...(room.held ?? []), change] }, resync: false };
  }
  const { result, snapshot } = applyChange(room.snapshot, change);
  if (result === "resync") return { room: asking(room.snapshot), resync: true };
  return { room: result === "old" ? room : { snapshot, held: null }, resync: false };
}

/**
 * The state to show.
 *
 * @param {Room} room
 * @returns {State}
 */
export function stateOf(room) {
  return room.snapshot?.state ?? EMPTY;
}
