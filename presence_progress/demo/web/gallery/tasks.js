/** Tasks that stand in the gallery. */
import { ADA } from "./people.js";

const NOW = Date.now();

/** That many minutes from now. @param {number} from */
export const minutes = (from) => NOW + from * 60_000;

export const LONG =
  "Nightly import of all airports, heliports and seaplane bases of the world with their runways, " +
  "frequencies and Donaudampfschifffahrtsgesellschaftskapitänsmützenverordnungen";

/** A task's room, as the server sends it. @param {Record<string, any>} change */
export const task = (change) => ({
  title: "Importing airports.csv",
  state: "running",
  attempt: 1,
  stage: null,
  stages: null,
  done: 12_340,
  total: 28_298,
  total_grown: false,
  percent: 43,
  rate: 812,
  eta: 20,
  eta_range: null,
  ok: 12_340,
  warnings: 0,
  errors: 0,
  messages: [],
  last_messages: [],
  error: null,
  result: null,
  user: ADA.user,
  doctype: "Airport",
  name: null,
  parent: null,
  children: null,
  queued_at: minutes(-4),
  started_at: minutes(-3.5),
  ended_at: null,
  retryable: false,
  ...change,
});

/** @param {number} n */
const message = (n) => ({
  n,
  level: n % 3 ? "warning" : "error",
  row: 40 + n * 17,
  message: n % 3 ? `Elevation “${n * 31} m” was read as feet.` : "The country XK is not known.",
});

const ALL = Array.from({ length: 60 }, (_, n) => message(n));

export const ISSUES = {
  messages: ALL,
  traceback: null,
  counts: {
    warnings: 40,
    errors: 20,
    messages: ALL.slice(0, 20),
    last_messages: ALL.slice(-5),
  },
};

export const TRACEBACK = `Traceback (most recent call last):
  File "airports/importer.py", line 128, in run
    save(row)
  File "airports/importer.py", line 71, in save
    airport.latitude = float(row["latitude_in_degrees_north_of_the_equator"])
ValueError: could not convert string to float: 'north'
`;

const TITLES = ["Importing airports.csv", "Sending invoices", "Rebuilding the index", "Backup"];

/** What a task in each state has of its own. @type {Record<string, Record<string, any>>} */
const OF_STATE = {
  queued: { done: 0, percent: 0, started_at: null },
  stalled: { rate: null, heard_at: minutes(-1) },
  cancelling: { cancelled_by: ADA.user },
  done: { done: 28_298, percent: 100, result: "/files/airports.csv" },
  failed: { error: "Airport KJFK: latitude must be a number, not “north”.", retryable: true },
  cancelled: { cancelled_by: ADA.user, retryable: true },
  lost: { retryable: true },
};

/**
 * A user's list, with the room of each task in it.
 *
 * @param {string[]} states
 * @param {{ unread?: boolean, long?: boolean }} [how]
 * @returns {import("./fakeClient.js").Backing}
 */
export function lines(states, { unread = false, long = false } = {}) {
  /** @type {Record<string, any>} */
  const list = { seen_at: unread ? 0 : NOW };
  /** @type {Record<string, Record<string, any>>} */
  const rooms = { [`tasks:${ADA.user}`]: list };
  states.forEach((state, index) => {
    const isEnded = ["done", "failed", "cancelled", "lost"].includes(state);
    const room = task({
      state,
      title: long ? [LONG, "استيراد المطارات من الملف"][index % 2] : TITLES[index % TITLES.length],
      percent: 20 + ((index * 13) % 70),
      queued_at: minutes(-index - 1),
      ended_at: isEnded ? minutes(-index - 0.5) : null,
      ...OF_STATE[state],
    });
    const { title, user, queued_at, ended_at } = room;
    list[`t${index}`] = { title, state, user, queued_at, ended_at };
    rooms[`task:t${index}`] = room;
  });
  return { rooms };
}
