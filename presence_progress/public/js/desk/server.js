/**
 * Whether the realtime server at the other end is ours. Frappe's own takes what it does not know in
 * silence, so only an answer tells, or that there is none.
 */
import { shallowRef } from "vue";

/** @typedef {"unknown" | "ours" | "stock"} ServerKind */

/** Ours says at least "try again" by then, whatever else is away. */
const ANSWER_MS = 8_000;
/** What ours alone sends; changes come from Frappe's own, too (client/stock.js). */
const ANSWERS = ["room_state", "room_denied"];

/**
 * @param {import("../client/index.js").Client} client
 * @param {string} room one that this user may watch, asked for on every connect
 * @returns {import("vue").ShallowRef<ServerKind>}
 */
export function watchServer({ connection, rooms }, room) {
  /** @type {import("vue").ShallowRef<ServerKind>} */
  const kind = shallowRef("unknown");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  for (const event of ANSWERS) {
    connection.on(event, () => {
      clearTimeout(timer);
      kind.value = "ours";
    });
  }
  // While the connection is away the server is what it was: it is being started again.
  connection.onState(() => clearTimeout(timer));
  connection.onConnect(() => {
    clearTimeout(timer);
    timer = setTimeout(() => (kind.value = "stock"), ANSWER_MS);
  });
  rooms.watch(room, () => {});

  return kind;
}
