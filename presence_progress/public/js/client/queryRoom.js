/**
 * The room of a live query: how many documents of a DocType this user may see that fit some filters.
 */

/** As the server has it (keys.py). */
const LONGEST = 2_000;

/** @typedef {Record<string, any> | any[]} Filters as Frappe takes them */

/**
 * Names the room. Filters that mean the same are spelt the same, so that all who watch them share
 * one question.
 *
 * @param {string} doctype
 * @param {Filters | string | null} [filters] an object, a list, or either in JSON
 * @returns {{ room: string | null, problem: string | null }} no room if the filters are none
 */
export function queryRoom(doctype, filters) {
  let read = filters || {};
  if (typeof read === "string") {
    try {
      read = JSON.parse(read);
    } catch {
      return { room: null, problem: "not JSON" };
    }
  }
  if (typeof read !== "object" || read === null) return { room: null, problem: "not JSON" };
  const room = `query:${doctype}/${JSON.stringify(sorted(read))}`;
  if (room.length > LONGEST) return { room: null, problem: "too long" };
  return { room, problem: null };
}

/** @param {any} value @returns {any} the same, with the keys of each object in order */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.keys(value).sort();
  return Object.fromEntries(entries.map((key) => [key, sorted(value[key])]));
}
