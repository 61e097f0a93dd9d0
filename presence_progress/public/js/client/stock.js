/**
 * Rooms on a page that Frappe's own realtime server serves, which knows none of ours.
 *
 * A room is asked of the site instead, over HTTP; its changes come in Frappe's own rooms, where
 * writers tell them while no server of ours runs. What is missed there is found by asking again.
 * Nobody's presence is known that way.
 */

export const SNAPSHOT_URL = "/api/method/presence_progress.site.rooms.snapshot";

/** Our server answers in well under a second; one that is busy is asked about, not given up. */
const DOUBT_MS = 4_000;
/** Rooms that are wanted at the same time are asked about together. */
const GATHER_MS = 50;
/** After a document of a DocType was saved, until its live queries are asked again. */
const SAVED_MS = 1_000;
/** Whatever was missed is found within this. */
const REFRESH_MS = 30_000;
/** Characters of room names in one address, and rooms in one question. */
const LIMITS = { characters: 3_000, rooms: 50 };

/** @typedef {{ server: boolean, rooms: any[] }} Answer */

/**
 * @param {import("./connection.js").Connection} connection
 * @param {object} options
 * @param {(answer: any) => void} options.deliver takes the payload of `room_state` or `room_denied`
 * @param {(names: string[]) => Promise<Answer | null>} [options.fetchRooms] null: nobody can answer
 */
export function createStock(connection, { deliver, fetchRooms = fetchSnapshots }) {
  /** @type {"unknown" | "ours" | "stock"} who serves this page */
  let server = "unknown";
  /** @type {Set<string>} watched, and known from the site if from anywhere */
  const names = new Set();
  /** @type {Set<string>} to be asked about with the next question */
  const wanted = new Set();
  /** @type {Set<string>} the subscriptions of this connection */
  const subscribed = new Set();
  /** @type {Set<(isStock: boolean) => void>} */
  const listeners = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let refresh;

  /** @param {"unknown" | "ours" | "stock"} next */
  function become(next) {
    const was = server;
    server = next;
    clearInterval(refresh);
    if (next === "stock") {
      refresh = setInterval(() => {
        if (!document.hidden) names.forEach((name) => want(name));
      }, REFRESH_MS);
    }
    const isStock = next === "stock";
    if (isStock !== (was === "stock")) listeners.forEach((listener) => listener(isStock));
  }

  /** @param {string} name @param {number} [wait] */
  function want(name, wait = server === "stock" ? GATHER_MS : DOUBT_MS) {
    wanted.add(name);
    timer ??= setTimeout(ask, wait);
  }

  async function ask() {
    timer = undefined;
    const asked = [...wanted].filter((name) => names.has(name));
    wanted.clear();
    if (!asked.length || connection.state !== "connected") return;
    asked.forEach((name) => subscribe(stockRoom(name)));
    for (const part of parts(asked)) {
      const answer = await fetchRooms(part);
      // Our server may have answered meanwhile, and knows better.
      if (!answer || server === "ours") return;
      if (answer.server) return become("unknown");
      become("stock");
      answer.rooms.forEach(take);
    }
  }

  /** @param {any} answer */
  function take(answer) {
    if (!names.has(answer?.room)) return;
    deliver(answer);
    // A task says itself what it is about. What is told before this is heard is asked for.
    if (answer.state?.doctype && answer.room.startsWith("task:")) {
      const { doctype, name } = answer.state;
      if (subscribe(name ? `doc:${doctype}/${name}` : `doctype:${doctype}`)) want(answer.room);
    }
  }

  /** @param {string} room Frappe's own @returns {boolean} whether it is new */
  function subscribe(room) {
    if (!room || subscribed.has(room)) return false;
    subscribed.add(room);
    const about = room.slice(room.indexOf(":") + 1);
    if (room.startsWith("doctype:")) connection.emit("doctype_subscribe", about);
    else {
      const end = about.indexOf("/");
      connection.emit("doc_subscribe", about.slice(0, end), about.slice(end + 1));
    }
    return true;
  }

  connection.onConnect(() => {
    subscribed.clear();
    wanted.clear();
    clearTimeout(timer);
    timer = undefined;
    // A server that was put in the place of Frappe's says so by answering.
    if (server === "ours") become("unknown");
  });
  connection.on("list_update", (message) => {
    if (server !== "stock") return;
    for (const name of names) {
      if (name.startsWith(`query:${message?.doctype}/`)) want(name, SAVED_MS);
    }
  });

  return {
    /** Whether Frappe's own server serves this page; false while that is not known. */
    get isStock() {
      return server === "stock";
    },
    /** @param {(isStock: boolean) => void} listener @returns {() => void} */
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Our server was asked for a room. @param {string} name */
    asked(name) {
      if (/^(presence:|online\b)/.test(name)) return;
      names.add(name);
      if (server !== "ours") want(name);
    },
    /** @param {string} name */
    forget: (name) => void names.delete(name),
    /** Our server has answered: it is there. */
    heard() {
      if (server === "ours") return;
      clearTimeout(timer);
      timer = undefined;
      wanted.clear();
      become("ours");
    },
  };
}

/**
 * Names the room of Frappe's in which changes of a room are told, if it is one that a page has to
 * ask for: it is in its user's, the website's and the site's from the start.
 *
 * @param {string} name
 * @returns {string}
 */
export function stockRoom(name) {
  const [, kind, about] = /^(\w+):(.*)$/s.exec(name) ?? [];
  if (kind === "query") return `doctype:${about.slice(0, about.indexOf("/"))}`;
  const scope = kind === "count" ? about.slice(0, about.lastIndexOf("/")) : about;
  const isNamed = kind === "count" || kind === "tasks";
  return isNamed && /^(doc|doctype):/.test(scope) ? scope : "";
}

/**
 * Tells the site about a task what our server would have been told.
 *
 * @param {"cancel" | "retry" | "seen" | "details"} method
 * @param {Record<string, string | number>} args
 * @returns {Promise<any>} its answer; rejects on a no
 */
export async function tellSite(method, args) {
  const token = /** @type {any} */ (window).frappe?.csrf_token;
  const answer = await fetch(`/api/method/presence_progress.site.tasks.${method}`, {
    method: "POST",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      ...(token ? { "X-Frappe-CSRF-Token": token } : {}),
    },
    body: JSON.stringify(args),
  });
  if (!answer.ok) throw new Error(`The site answered ${answer.status}`);
  return (await answer.json()).message;
}

/** @param {string[]} names @returns {string[][]} as many as fit into an address */
function parts(names) {
  /** @type {string[][]} */
  const all = [];
  let characters = Infinity;
  for (const name of names) {
    characters += name.length;
    if (characters > LIMITS.characters || all[all.length - 1].length >= LIMITS.rooms) {
      all.push([]);
      characters = name.length;
    }
    all[all.length - 1].push(name);
  }
  return all;
}

/** @param {string[]} names @returns {Promise<Answer | null>} */
async function fetchSnapshots(names) {
  try {
    const query = new URLSearchParams({ rooms: JSON.stringify(names) });
    const answer = await fetch(`${SNAPSHOT_URL}?${query}`, {
      headers: { Accept: "application/json" },
    });
    const { message } = answer.ok ? await answer.json() : { message: null };
    return Array.isArray(message?.rooms) ? message : null;
  } catch {
    return null;
  }
}
