import { Fragment, TransitionGroup, computed, createBlock, createCommentVNode, createElementBlock, createElementVNode, createTextVNode, createVNode, nextTick, normalizeClass, normalizeStyle, onScopeDispose, openBlock, readonly, ref, renderList, resolveDynamicComponent, shallowReactive, shallowRef, toDisplayString, toValue, unref, watch, withCtx } from "vue";
import { io } from "socket.io-client";
// ../presence_progress/public/js/client/backoff.js
/**
* How long to wait before trying again: doubling, with a limit, never in step with other browsers.
*/
/**
* @param {{ first?: number, limit?: number, random?: () => number }} [options] milliseconds
*/
function createBackoff({ first = 500, limit = 1e4, random = Math.random } = {}) {
	let attempt = 0;
	return {
		/** Milliseconds until the next try: between half and all of the doubled wait. */
		next() {
			const wait = Math.min(limit, first * 2 ** attempt);
			attempt = Math.min(attempt + 1, 30);
			return wait / 2 + wait / 2 * random();
		},
		reset() {
			attempt = 0;
		}
	};
}
// ../presence_progress/public/js/client/keepTrying.js
/**
* Makes a socket.io socket try for ever, and again where socket.io itself stops: when the server
* refuses a connection, or ends one.
*/
var RETRY_FIRST_MS = 500;
var RETRY_LIMIT_MS = 5e3;
var KEPT = Symbol.for("presence_progress.kept");
/** @param {any} socket */
function keepTrying(socket) {
	if (socket[KEPT]) return;
	socket[KEPT] = true;
	const backoff = createBackoff({
		first: RETRY_FIRST_MS,
		limit: RETRY_LIMIT_MS
	});
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	const manager = socket.io;
	manager?.reconnectionAttempts?.(Infinity);
	manager?.reconnectionDelay?.(RETRY_FIRST_MS);
	manager?.reconnectionDelayMax?.(RETRY_LIMIT_MS);
	function retryIfGivenUp() {
		if (socket.active) return;
		clearTimeout(timer);
		timer = setTimeout(() => socket.connect(), backoff.next());
	}
	socket.on("connect", () => backoff.reset());
	socket.on("connect_error", retryIfGivenUp);
	socket.on("disconnect", (reason) => {
		if (reason !== "io client disconnect") retryIfGivenUp();
	});
}
// ../presence_progress/public/js/client/connection.js
/**
* The page's one connection to the realtime server, kept for as long as the page lives.
*
* On a Frappe page it is Frappe's own socket, listened to on our own event names: stock code calls
* `frappe.realtime.off(event)`, which takes away whichever listener of that event came first.
* Elsewhere it opens one. Either way it never gives up, which stock pages do after three attempts,
* and at once when a connection is refused or ended by the server.
*/
/** @typedef {"connecting" | "connected" | "reconnecting"} ConnectionState */
/** @typedef {(...args: any[]) => void} Listener */
/**
* @typedef {object} Connection
* @property {ConnectionState} state
* @property {(event: string, listener: Listener) => () => void} on returns what stops it
* @property {(event: string, ...args: any[]) => boolean} emit false if not connected: nothing is
*   kept for later, whoever speaks says it again on connect
* @property {(event: string, ...args: any[]) => boolean} farewell emits while the page goes away
* @property {() => void} check finds out at once whether the connection is alive, and mends it
* @property {(listener: () => void) => () => void} onConnect also for the connection that is up
* @property {(listener: (state: ConnectionState) => void) => () => void} onState
*/
/** How long a living server takes to answer at most. */
var ANSWER_MS$1 = 4e3;
/**
* Wraps a socket.io socket, Frappe's or ours. Without one (a site with `disable_async`) it is a
* connection that never comes up.
*
* @param {any} socket
* @returns {Connection}
*/
function createConnection(socket) {
	/** @type {Set<() => void>} */
	const connectListeners = /* @__PURE__ */ new Set();
	/** @type {Set<(state: ConnectionState) => void>} */
	const stateListeners = /* @__PURE__ */ new Set();
	/** @type {ConnectionState} */
	let state = socket?.connected ? "connected" : "connecting";
	/** @param {ConnectionState} next */
	function enter(next) {
		if (next === state) return;
		state = next;
		stateListeners.forEach((listener) => listener(next));
	}
	const check = socket ? createCheck(socket) : () => {};
	if (socket) {
		keepTrying(socket);
		socket.on("connect", () => {
			enter("connected");
			connectListeners.forEach((listener) => listener());
		});
		socket.on("connect_error", () => enter("reconnecting"));
		socket.on("disconnect", () => enter("reconnecting"));
	}
	return {
		get state() {
			return state;
		},
		on(event, listener) {
			socket?.on(event, listener);
			return () => socket?.off(event, listener);
		},
		emit(event, ...args) {
			if (!socket?.connected) return false;
			socket.emit(event, ...args);
			return true;
		},
		farewell(event, ...args) {
			if (!socket?.connected) return false;
			socket.emit(event, ...args);
			sendBeacon(socket, [event, ...args]);
			return true;
		},
		check() {
			if (state !== "connecting") check();
		},
		onConnect(listener) {
			connectListeners.add(listener);
			if (state === "connected") listener();
			return () => connectListeners.delete(listener);
		},
		onState(listener) {
			stateListeners.add(listener);
			return () => stateListeners.delete(listener);
		}
	};
}
/**
* Makes a function that finds out whether a socket is alive, for a page that may have slept through
* its end: a dead one is given up, and one that waits for its next try, tries now.
*
* @param {any} socket
*/
function createCheck(socket) {
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	function done() {
		clearTimeout(timer);
		timer = void 0;
		socket.off("pong", done);
		socket.off("disconnect", done);
	}
	return function check() {
		if (timer !== void 0) return;
		const wasConnected = socket.connected;
		timer = setTimeout(() => {
			done();
			if (wasConnected) socket.io?.engine?.close?.();
		}, ANSWER_MS$1);
		if (wasConnected) {
			socket.on("pong", done);
			socket.on("disconnect", done);
			socket.emit("ping");
		} else {
			socket.disconnect();
			socket.connect();
		}
	};
}
/**
* Says a last word for a socket on HTTP polling, whose requests die with the page.
*
* @param {any} socket
* @param {any[]} packet
*/
function sendBeacon(socket, packet) {
	const engine = socket.io?.engine;
	if (engine?.transport?.name !== "polling" || !navigator.sendBeacon) return;
	navigator.sendBeacon(engine.transport.uri(), `42${socket.nsp},${JSON.stringify(packet)}`);
}
/**
* Finds the page's socket: Frappe's own, or a new one.
*
* @param {{ url?: string }} [options] `url` with the namespace, for pages outside Frappe
*/
function openSocket({ url } = {}) {
	const { frappe, socketio_port: port } = window;
	if (!url && typeof frappe?.realtime?.init === "function") {
		if (!frappe.realtime.socket) frappe.realtime.init(port, true);
		const { socket } = frappe.realtime;
		if (socket && !socket.connected && !socket.active) socket.connect();
		return socket ?? null;
	}
	return io(url ?? defaultUrl(frappe?.boot), { withCredentials: true });
}
/** @param {{ sitename?: string, socketio_port?: number | string } | undefined} boot */
function defaultUrl(boot) {
	const { protocol, hostname, origin } = window.location;
	const port = boot?.socketio_port;
	return `${port ? `${protocol}//${hostname}:${port}` : origin}/${boot?.sitename ?? hostname}`;
}
// ../presence_progress/public/js/client/invisible.js
/**
* Whether this user is invisible to others: a setting that the site keeps, for all their pages.
*/
/** @param {import("./connection.js").Connection} connection */
function createInvisible(connection) {
	/** @type {Set<(value: boolean) => void>} */
	const listeners = /* @__PURE__ */ new Set();
	let value = false;
	connection.on("presence_settings", (message) => {
		if (typeof message?.invisible !== "boolean") return;
		value = message.invisible;
		listeners.forEach((listener) => listener(value));
	});
	return {
		get value() {
			return value;
		},
		/**
		* Asks the site; what came of it is heard.
		*
		* @param {boolean} wanted
		* @returns {boolean} false when not connected: nothing was asked
		*/
		ask: (wanted) => connection.emit("presence_invisible", wanted),
		/** @param {(value: boolean) => void} listener @returns {() => void} */
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		}
	};
}
// ../presence_progress/public/js/client/parts.js
/**
* Parts of the page's client that come with who uses them: a page that shows a count loads nothing of
* presence.
*/
var PARTS = Symbol.for("presence_progress.parts");
/** What every client on this page inherits. @returns {object} */
function clientParts() {
	return window[PARTS] ??= {};
}
/**
* @template {keyof import("./index.js").Client} Name
* @param {Name} name
* @param {(client: import("./index.js").Client) => import("./index.js").Client[Name]} make called once
*   for a client, when the part is first asked for
*/
function addClientPart(name, make) {
	const parts = clientParts();
	if (name in parts) return;
	Object.defineProperty(parts, name, { 
	/** @this {import("./index.js").Client} */
get() {
		const value = make(this);
		Object.defineProperty(this, name, { value });
		return value;
	} });
}
// ../presence_progress/public/js/client/room.js
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
var EMPTY = Object.freeze(Object.create(null));
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
function judge(snapshot, change) {
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
function applyChange(snapshot, change) {
	const result = judge(snapshot, change);
	if (result !== "applied") return {
		result,
		snapshot
	};
	const state = plainMap(snapshot.state);
	for (const field of change.unset ?? []) delete state[field];
	Object.assign(state, change.set);
	return {
		result,
		snapshot: {
			...snapshot,
			seq: change.seq,
			state
		}
	};
}
/**
* A room whose snapshot is being asked for: what comes meanwhile is held.
*
* Whatever was held before the question is in its answer, which Redis reads later.
*
* @param {Snapshot | null} snapshot what stays on screen until the answer
* @returns {Room}
*/
function asking(snapshot) {
	return {
		snapshot,
		held: []
	};
}
/**
* Takes a snapshot, then whatever was held while it was awaited.
*
* @param {Room} room
* @param {Snapshot} snapshot
* @returns {{ room: Room, resync: boolean }}
*/
function receiveState(room, snapshot) {
	const { snapshot: known, held } = room;
	if (!held && known && known.epoch === snapshot.epoch && snapshot.seq < known.seq) return {
		room: asking(known),
		resync: true
	};
	/** @type {Room} */
	let next = {
		snapshot: {
			...snapshot,
			state: plainMap(snapshot.state)
		},
		held: null
	};
	for (const change of held ?? []) {
		const step = receiveChange(next, change);
		if (step.resync) return step;
		next = step.room;
	}
	return {
		room: next,
		resync: false
	};
}
/**
* Takes a change. `resync` asks the caller to send `room_watch` again.
*
* @param {Room} room
* @param {Change} change
* @returns {{ room: Room, resync: boolean }}
*/
function receiveChange(room, change) {
	if (room.held || !room.snapshot) return {
		room: {
			...room,
			held: [...room.held ?? [], change]
		},
		resync: false
	};
	const { result, snapshot } = applyChange(room.snapshot, change);
	if (result === "resync") return {
		room: asking(room.snapshot),
		resync: true
	};
	return {
		room: result === "old" ? room : {
			snapshot,
			held: null
		},
		resync: false
	};
}
/**
* The state to show.
*
* @param {Room} room
* @returns {State}
*/
function stateOf(room) {
	return room.snapshot?.state ?? EMPTY;
}
// ../presence_progress/public/js/client/rooms.js
/**
* Which rooms this page watches, and what it knows of each.
*
* Many watchers of one room share one `room_watch`. What is known stays visible while the connection
* is away, marked stale; every connect asks again for every room, because a server remembers nothing
* of a lost socket. A room that a list watches (presenceList.js) comes with the list's one question;
* it asks for itself when that is not enough: after a gap, or when it outlives the list.
*/
/**
* What a watcher is shown.
*
* @typedef {object} RoomView
* @property {string} room
* @property {import("./room.js").State} state
* @property {boolean} loaded a snapshot has arrived
* @property {boolean} stale what is shown may be old: the connection is away, or the answer is
* @property {string | null} denied why this user sees nothing, if so
*/
/**
* How long an answer may take, at first. Longer and longer after that: a server that does not know
* our rooms (Frappe's own) never answers.
*/
var PATIENCE = {
	first: 2e4,
	limit: 3e5
};
/** The reasons that end the watching itself. */
var REFUSALS$1 = /* @__PURE__ */ new Set([
	"not permitted",
	"no such room",
	"presence is off",
	"bad filters"
]);
/** @param {import("./connection.js").Connection} connection */
function createRooms(connection) {
	/** @type {Map<string, ReturnType<typeof createWatchedRoom>>} */
	const rooms = /* @__PURE__ */ new Map();
	connection.on("room_state", (message) => rooms.get(message?.room)?.onState(message));
	connection.on("room_change", (message) => rooms.get(message?.room)?.onChange(message));
	connection.on("room_denied", (message) => rooms.get(message?.room)?.onDenied(message.reason));
	connection.onConnect(() => rooms.forEach((room) => room.reconnect()));
	connection.onState(() => rooms.forEach((room) => room.show()));
	return {
		/** Takes a denial that was said of many rooms at once. @param {string} name @param {string} reason */
		deny: (name, reason) => rooms.get(name)?.onDenied(reason),
		/**
		* Shows a room to `callback`, at once if it is known already, and then at each change.
		*
		* @param {string} name
		* @param {(view: RoomView) => void} callback
		* @param {{ listed?: boolean }} [options] `listed` when a list asks the server for it
		* @returns {() => void} stops watching
		*/
		watch(name, callback, { listed = false } = {}) {
			let room = rooms.get(name);
			if (!room) {
				room = createWatchedRoom(name, connection);
				rooms.set(name, room);
			}
			const watched = room;
			const remove = watched.add(callback, listed);
			return () => {
				if (!remove()) return;
				rooms.delete(name);
				watched.forget();
			};
		}
	};
}
/**
* One watched room: its question in flight, its retries, its watchers.
*
* @param {string} name
* @param {import("./connection.js").Connection} connection
*/
function createWatchedRoom(name, connection) {
	/** What each watcher is shown by, and whether a list asks for it. */
	const watchers = /* @__PURE__ */ new Map();
	const backoff = createBackoff({
		first: 1e3,
		limit: 3e4
	});
	const patience = createBackoff(PATIENCE);
	/** @type {import("./room.js").Room} */
	let room = asking(null);
	/** @type {string | null} */
	let denied = null;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	/** `room_watch` was sent on this connection. */
	let asked = false;
	const isListed = () => [...watchers.values()].includes(true);
	const isListedOnly = () => ![...watchers.values()].includes(false);
	function ask() {
		clearTimeout(timer);
		room = asking(room.snapshot);
		if (!connection.emit("room_watch", name)) return;
		asked = true;
		timer = setTimeout(ask, patience.next());
	}
	/** Waits for what the list asks for. A row that may be seen no more is not answered. */
	function waitForList() {
		clearTimeout(timer);
		room = asking(room.snapshot);
		if (room.snapshot) timer = setTimeout(ask, patience.next());
	}
	/** @returns {RoomView} */
	function view() {
		const known = denied === null;
		return {
			room: name,
			state: stateOf(room),
			loaded: room.snapshot !== null,
			stale: known && (connection.state !== "connected" || room.held !== null),
			denied
		};
	}
	function show() {
		const current = view();
		for (const watcher of [...watchers.keys()]) watcher(current);
	}
	/** @param {{ room: import("./room.js").Room, resync: boolean }} step */
	function take(step) {
		const changed = step.room.snapshot !== room.snapshot;
		room = step.room;
		if (step.resync) ask();
		if (changed || step.resync) show();
	}
	return {
		show,
		/**
		* @param {(view: RoomView) => void} callback
		* @param {boolean} listed
		* @returns {() => boolean} takes it away again; true if it was the last one
		*/
		add(callback, listed) {
			const watcher = (now) => callback(now);
			watchers.set(watcher, listed);
			if (!listed && !asked && !(isListed() && room.snapshot)) ask();
			watcher(view());
			return () => {
				if (!watchers.delete(watcher)) return false;
				if (watchers.size && !asked && !isListed()) ask();
				return watchers.size === 0;
			};
		},
		/** A new connection knows nothing of this room. */
		reconnect() {
			asked = false;
			if (isListed() && (room.snapshot || isListedOnly())) waitForList();
			else ask();
		},
		/** @param {import("./room.js").Snapshot} snapshot */
		onState(snapshot) {
			clearTimeout(timer);
			backoff.reset();
			patience.reset();
			denied = null;
			take(receiveState(room, snapshot));
		},
		/** @param {import("./room.js").Change} change */
		onChange(change) {
			take(receiveChange(room, change));
		},
		/** @param {string} reason */
		onDenied(reason) {
			if (reason === "try again") {
				clearTimeout(timer);
				timer = setTimeout(ask, backoff.next());
				return;
			}
			if (!REFUSALS$1.has(reason)) return;
			clearTimeout(timer);
			room = asking(null);
			denied = reason;
			show();
		},
		forget() {
			clearTimeout(timer);
			if (asked) connection.emit("room_unwatch", name);
		}
	};
}
// ../presence_progress/public/js/client/wake.js
/**
* Notices when a page comes back: into sight, onto the network, or to life at all.
*
* A page that was frozen (by the browser, with its process, or with the computer) has not answered
* the server's pings and may be gone for others without knowing. Browsers tell some of these events;
* a timer that is far too late tells the rest.
*/
var TICK_MS = 2e3;
var LATE_MS = 5e3;
/**
* @param {(how: { slept: boolean }) => void} onWake `slept` when no script had been running
* @param {Window} [page]
* @returns {() => void} stops watching
*/
function watchWake(onWake, page = window) {
	const { document } = page;
	const stopped = new AbortController();
	const { signal } = stopped;
	let tickedAt = Date.now();
	const wake = (slept) => {
		tickedAt = Date.now();
		onWake({ slept });
	};
	document.addEventListener("resume", () => wake(true), { signal });
	document.addEventListener("visibilitychange", () => !document.hidden && wake(false), { signal });
	page.addEventListener("pageshow", (event) => event.persisted && wake(true), { signal });
	page.addEventListener("online", () => wake(false), { signal });
	const timer = setInterval(() => {
		const late = Date.now() - tickedAt - TICK_MS;
		tickedAt = Date.now();
		if (late > LATE_MS && !document.hidden) wake(true);
	}, TICK_MS);
	return () => {
		stopped.abort();
		clearInterval(timer);
	};
}
// ../presence_progress/public/js/client/index.js
/**
* The page's one client: its connection, the rooms and lists it watches, the documents it has open.
*/
/**
* @typedef {object} Client
* @property {import("./connection.js").Connection} connection
* @property {ReturnType<typeof createRooms>} rooms
* @property {ReturnType<typeof createInvisible>} invisible
* @property {(listener: () => void) => void} onSlept the page had been frozen, and may be forgotten
* @property {ReturnType<typeof import("./presence.js").createPresence>} presence with presence.js
* @property {ReturnType<typeof import("./presenceList.js").createPresenceLists>} presenceList with
*   presenceList.js
*/
var SHARED = Symbol.for("presence_progress.client");
/** @param {import("./connection.js").Connection} connection @returns {Client} */
function createClient(connection) {
	/** @type {Set<() => void>} */
	const sleptListeners = /* @__PURE__ */ new Set();
	watchWake(({ slept }) => {
		connection.check();
		if (slept) sleptListeners.forEach((listener) => listener());
	});
	return Object.assign(Object.create(clientParts()), {
		connection,
		rooms: createRooms(connection),
		invisible: createInvisible(connection),
		onSlept: (listener) => void sleptListeners.add(listener)
	});
}
/**
* The page's client; the first call opens its connection.
*
* @param {{ url?: string }} [options] of the first call; later ones get the same client
* @returns {Client}
*/
function getClient(options) {
	const page = window;
	page[SHARED] ??= createClient(createConnection(openSocket(options)));
	return page[SHARED];
}
// ../presence_progress/public/js/client/presence.js
/**
* The documents that this page has open, told to the server.
*
* A socket is one session. Entering is said on every connect, since a new socket is a new session.
* A page that is closed says goodbye, so that others see it at once; a page that is reloaded says
* nothing: the server keeps a lost session for a few seconds, in which the new page enters.
*/
/** @typedef {"viewing" | "editing" | "idle"} Activity */
/** @typedef {{ activity: Activity, focus: string | null }} Doing */
/**
* One holder of an entry; a page may have several of one document.
*
* @typedef {object} Visit
* @property {(doing: Partial<Doing>) => void} update
* @property {() => void} renew says the same once more: what the server is told of holds for a while
* @property {() => void} leave
*/
/** Strongest first. */
var ACTIVITIES = [
	"editing",
	"viewing",
	"idle"
];
/** The reasons that end being here, until the next connect. */
var REFUSALS = /* @__PURE__ */ new Set([
	"may not enter",
	"not permitted",
	"presence is off"
]);
/** How long an F5 counts as the cause of the page going away. */
var RELOAD_KEY_MS = 3e3;
addClientPart("presence", ({ connection, onSlept }) => {
	const presence = createPresence(connection);
	onSlept(presence.announce);
	return presence;
});
/**
* @param {import("./connection.js").Connection} connection
* @param {Window} [page]
*/
function createPresence(connection, page = window) {
	/** @type {Map<string, ReturnType<typeof createEntry>>} */
	const entries = /* @__PURE__ */ new Map();
	const reload = watchReload(page);
	let leaving = false;
	connection.onConnect(() => entries.forEach((entry) => entry.enter()));
	connection.on("room_denied", (message) => entries.get(message?.room)?.onDenied(message.reason));
	page.addEventListener("pageswap", () => leaving = true);
	page.addEventListener("pagehide", () => {
		leaving = true;
		if (!reload.expected()) entries.forEach((entry) => entry.goodbye());
	});
	page.addEventListener("pageshow", () => {
		leaving = false;
		reload.forget();
	});
	return {
		/** Says it all once more, for a server that may have missed this page. */
		announce: () => entries.forEach((entry) => entry.enter()),
		/**
		* Makes this user a viewer of a document until `leave`.
		*
		* @param {string} doctype
		* @param {string} name
		* @param {Partial<Doing>} [doing]
		* @returns {Visit}
		*/
		enter(doctype, name, doing) {
			const room = `presence:${doctype}/${name}`;
			let entry = entries.get(room);
			if (!entry) {
				entry = createEntry(connection, doctype, name, () => leaving);
				entries.set(room, entry);
			}
			const entered = entry;
			const holder = entered.hold(doing);
			return {
				update: holder.update,
				renew: entered.renew,
				leave() {
					holder.release();
					if (entered.isHeld() || entries.get(room) !== entered) return;
					entries.delete(room);
					entered.leave();
				}
			};
		}
	};
}
/**
* One document of this page: who on the page holds it, and what is said of it.
*
* @param {import("./connection.js").Connection} connection
* @param {string} doctype
* @param {string} name
* @param {() => boolean} isLeaving whether the page is on its way out
*/
function createEntry(connection, doctype, name, isLeaving) {
	/** @type {Set<Doing>} */
	const holders = /* @__PURE__ */ new Set();
	const backoff = createBackoff({
		first: 1e3,
		limit: 3e4
	});
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	let said = "";
	let refused = false;
	/** @param {"presence_enter" | "presence_update"} event @param {{ again?: boolean }} [options] */
	function say(event, { again = false } = {}) {
		if (isLeaving()) return;
		const doing = strongest([...holders]);
		const text = JSON.stringify(doing);
		if (event === "presence_enter") refused = false;
		else if (refused || text === said && !again) return;
		if (connection.emit(event, {
			doctype,
			name,
			...doing
		})) said = text;
	}
	return {
		/** @param {Partial<Doing>} [doing] */
		hold(doing) {
			/** @type {Doing} */
			const holder = {
				activity: "viewing",
				focus: null,
				...doing
			};
			holders.add(holder);
			say(holders.size === 1 ? "presence_enter" : "presence_update");
			return {
				/** @param {Partial<Doing>} change */
				update(change) {
					Object.assign(holder, change);
					if (holders.has(holder)) say("presence_update");
				},
				release() {
					holders.delete(holder);
					if (holders.size) say("presence_update");
				}
			};
		},
		isHeld: () => holders.size > 0,
		renew: () => say("presence_update", { again: true }),
		enter() {
			clearTimeout(timer);
			say("presence_enter");
		},
		/** @param {string} reason */
		onDenied(reason) {
			if (REFUSALS.has(reason)) refused = true;
			if (reason !== "try again") return;
			clearTimeout(timer);
			timer = setTimeout(() => say("presence_enter"), backoff.next());
		},
		goodbye: () => connection.farewell("presence_leave", {
			doctype,
			name
		}),
		leave() {
			clearTimeout(timer);
			connection.emit("presence_leave", {
				doctype,
				name
			});
		}
	};
}
/**
* What several holders do, as one: the strongest activity, and the first focus named with it.
*
* @param {Doing[]} doings at least one
* @returns {Doing}
*/
function strongest(doings) {
	const activity = ACTIVITIES.find((one) => doings.some((doing) => doing.activity === one));
	const focus = doings.find((doing) => doing.activity === activity && doing.focus)?.focus;
	return {
		activity: activity ?? "viewing",
		focus: focus ?? null
	};
}
/**
* Tells a reload from a page that goes away.
*
* `pageswap` says it for every kind of reload, the browser's own button included, and comes before
* `pagehide`; a closing tab fires none. Browsers without it have the keys only.
*
* @param {Window} page
*/
function watchReload(page) {
	let swapped = false;
	let keyAt = -Infinity;
	page.addEventListener("pageswap", (event) => {
		const { navigationType, entry } = event.activation ?? {};
		const again = navigationType === "replace" && entry?.url === page.location.href;
		swapped = navigationType === "reload" || again;
	});
	if (!("onpageswap" in page))
 /** @type {Window} */ page.addEventListener("keydown", (event) => {
		const byLetter = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "r";
		if (event.key === "F5" || byLetter) keyAt = event.timeStamp;
	});
	return {
		expected: () => swapped || page.performance.now() - keyAt < RELOAD_KEY_MS,
		forget() {
			swapped = false;
			keyAt = -Infinity;
		}
	};
}
// ../presence_progress/public/js/client/activity.js
/**
* What the person in front of this page is doing: editing, viewing or idle, and in which field.
*
* Only what the page itself can see. Whether the page still exists is the server's to say: browsers
* slow down the timers of pages in the background. For the same reason the server lets editing and
* focus end by themselves, 15 s and 60 s after they were last said, so what goes on is said again.
*/
/** @typedef {import("./presence.js").Doing} Doing */
/** How long after the last keystroke somebody still edits. */
var EDITING_MS = 1e4;
var IDLE_MS = 6e4;
/** While somebody types it is said again this often; while a field has the focus, that often. */
var EDITING_AGAIN_MS = 5e3;
var FOCUS_AGAIN_MS = 2e4;
/**
* @param {number} now
* @param {{ hidden: boolean, touchedAt: number, typedAt: number }} seen times in milliseconds
* @returns {import("./presence.js").Activity}
*/
function activityAt(now, { hidden, touchedAt, typedAt }) {
	if (hidden || now - touchedAt >= 6e4) return "idle";
	return now - typedAt < 1e4 ? "editing" : "viewing";
}
/**
* Watches a page and reports what its user does, now, at each change, and while it goes on.
*
* @param {object} options
* @param {EventTarget | null} [options.form] where typing counts as editing
* @param {(doing: Doing) => void} options.onChange
* @param {() => void} [options.onGoingOn] the same as before, and still true
* @param {Document} [options.page]
* @param {{ now: () => number, setTimeout: Function, clearTimeout: Function }} [options.clock]
* @returns {() => void} stops watching
*/
function watchActivity({ form = null, onChange, onGoingOn = () => {}, page = document, clock = systemClock }) {
	const stopped = new AbortController();
	const seen = {
		hidden: page.hidden,
		touchedAt: clock.now(),
		typedAt: -Infinity
	};
	/** @type {string | null} */
	let focus = null;
	let reported = "";
	let reportedAt = -Infinity;
	/** @type {any} */
	let timer;
	function report() {
		const now = clock.now();
		const activity = activityAt(now, seen);
		const doing = {
			activity,
			focus: activity === "idle" ? null : focus
		};
		const text = JSON.stringify(doing);
		if (text !== reported || now >= againAt(doing)) {
			const again = text === reported;
			reported = text;
			reportedAt = now;
			if (again) onGoingOn();
			else onChange(doing);
		}
		lookAgainAt(Math.min(endOf(activity), doing.focus ? reportedAt + FOCUS_AGAIN_MS : Infinity));
	}
	/** When what is reported already is to be said once more. @param {Doing} doing */
	function againAt(doing) {
		if (doing.activity === "editing" && seen.typedAt > reportedAt) return reportedAt + EDITING_AGAIN_MS;
		return doing.focus ? reportedAt + FOCUS_AGAIN_MS : Infinity;
	}
	/** When an activity ends if nothing happens. @param {string} activity */
	function endOf(activity) {
		if (activity === "idle") return Infinity;
		return activity === "editing" ? seen.typedAt + EDITING_MS : seen.touchedAt + IDLE_MS;
	}
	/** @param {number} time */
	function lookAgainAt(time) {
		clock.clearTimeout(timer);
		if (time < Infinity) timer = clock.setTimeout(report, Math.max(time - clock.now(), 0));
	}
	/**
	* @param {EventTarget | null} target
	* @param {string[]} events
	* @param {(event: Event) => void} listener
	*/
	function listen(target, events, listener) {
		const options = {
			passive: true,
			capture: true,
			signal: stopped.signal
		};
		for (const event of events) target?.addEventListener(event, listener, options);
	}
	listen(page, [
		"pointerdown",
		"pointermove",
		"keydown",
		"wheel",
		"touchstart"
	], () => {
		const wasIdle = activityAt(clock.now(), seen) === "idle";
		seen.touchedAt = clock.now();
		if (wasIdle) report();
	});
	listen(page, ["visibilitychange"], () => {
		seen.hidden = page.hidden;
		if (!page.hidden) seen.touchedAt = clock.now();
		report();
	});
	listen(form, ["input"], (event) => {
		seen.typedAt = seen.touchedAt = clock.now();
		focus = fieldName(event.target) ?? focus;
		report();
	});
	listen(form, ["focusin"], (event) => {
		focus = fieldName(event.target);
		report();
	});
	listen(form, ["focusout"], () => {
		focus = null;
		report();
	});
	report();
	return () => {
		stopped.abort();
		clock.clearTimeout(timer);
	};
}
/**
* The field that an element edits: Frappe's `data-fieldname`, else its name.
*
* @param {EventTarget | null} target
* @returns {string | null}
*/
function fieldName(target) {
	if (!(target instanceof Element)) return null;
	return target.closest("[data-fieldname]")?.getAttribute("data-fieldname") || target.getAttribute("name") || null;
}
var systemClock = {
	now: () => Date.now(),
	setTimeout: (run, ms) => setTimeout(run, ms),
	clearTimeout: (timer) => clearTimeout(timer)
};
// ../presence_progress/public/js/client/viewers.js
/**
* A presence room's state, read: who is here, how many, and who was here a moment ago.
*
* Fields that begin with ":" are never viewers: `:count` is their exact number, which a large room
* has more of than fields, and `:left:<user>` is somebody who left within the last two minutes.
*/
/**
* @typedef {object} Viewer
* @property {string} user
* @property {string} name
* @property {string | null} image
* @property {import("./presence.js").Activity} activity
* @property {string | null} focus
* @property {number} since milliseconds since 1970
*/
/**
* Somebody who left; never counted.
*
* @typedef {object} Left
* @property {string} user
* @property {string} name
* @property {string | null} image
* @property {number} last_seen milliseconds since 1970
*/
/** @typedef {{ viewers: Viewer[], count: number, left: Left[] }} Here */
var COUNT = ":count";
var LEFT = ":left:";
/**
* Splits a state: those who edit first, then who came first; of those who left the last one first.
*
* @param {import("./room.js").State} state
* @returns {Here} `count` is exact, `viewers` may be fewer
*/
function readPresence(state) {
	/** @type {Viewer[]} */
	const viewers = [];
	/** @type {Left[]} */
	const left = [];
	for (const [field, value] of Object.entries(state)) if (!field.startsWith(":")) viewers.push({
		...value,
		user: field
	});
	else if (field.startsWith(LEFT)) left.push({
		...value,
		user: field.slice(6)
	});
	const rank = (viewer) => ACTIVITIES.indexOf(viewer.activity);
	viewers.sort((a, b) => rank(a) - rank(b) || a.since - b.since || a.user.localeCompare(b.user));
	left.sort((a, b) => b.last_seen - a.last_seen || a.user.localeCompare(b.user));
	const told = state[COUNT];
	return {
		viewers,
		count: typeof told === "number" ? told : viewers.length,
		left
	};
}
/** Those who edit now. @param {Viewer[]} viewers */
function editorsAmong(viewers) {
	return viewers.filter(({ activity }) => activity === "editing");
}
// ../presence_progress/public/js/composables/useRoom.js
/** @type {import("../client/rooms.js").RoomView} */
var NOTHING$1 = {
	room: "",
	state: Object.create(null),
	loaded: false,
	stale: false,
	denied: null
};
/**
* A room, live. Every other composable of ours stands on this one.
*
* @example const { state } = useRoom("count:website/visits");
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} room none watches nothing
*/
function useRoom(room) {
	const { rooms } = getClient();
	const view = shallowRef(NOTHING$1);
	/** @type {(() => void) | undefined} */
	let stop;
	watch(() => toValue(room), (name) => {
		stop?.();
		stop = void 0;
		view.value = NOTHING$1;
		if (name) stop = rooms.watch(name, (next) => view.value = next);
	}, {
		immediate: true,
		flush: "sync"
	});
	onScopeDispose(() => stop?.());
	return {
		state: computed(() => view.value.state),
		loaded: computed(() => view.value.loaded),
		stale: computed(() => view.value.stale),
		denied: computed(() => view.value.denied)
	};
}
// ../presence_progress/public/js/composables/usePresence.js
/**
* Who has a document open; with `enter`, this user too, for as long as the scope lives.
*
* `count` is exact, `viewers` are the first of them, `left` those who left within two minutes.
* `contested` is true while two or more of them (`editors`, this user included) edit at once.
*
* @example
* const form = ref(null);
* const { viewers, count } = usePresence("Airport", () => props.icao, { enter: true, form });
*
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} doctype
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} name
* @param {object} [options]
* @param {import("vue").MaybeRefOrGetter<boolean>} [options.enter] become a viewer, too
* @param {import("vue").MaybeRefOrGetter<EventTarget | null>} [options.form] typing in it is editing
*/
function usePresence(doctype, name, { enter = false, form = null } = {}) {
	const { presence } = getClient();
	const document = computed(() => {
		const [type, id] = [toValue(doctype), toValue(name)];
		return type && id ? {
			doctype: type,
			name: id,
			room: `presence:${type}/${id}`
		} : null;
	});
	const { state, loaded, stale, denied } = useRoom(() => document.value?.room);
	const here = computed(() => readPresence(state.value));
	const editors = computed(() => editorsAmong(here.value.viewers));
	/** @type {import("../client/presence.js").Visit | undefined} */
	let visit;
	let stopWatching = () => {};
	/** @type {Partial<import("../client/presence.js").Doing>} */
	let doing = {};
	function leave() {
		visit?.leave();
		visit = void 0;
	}
	watch(() => toValue(enter) ? document.value?.room : null, () => {
		leave();
		const open = document.value;
		if (toValue(enter) && open) visit = presence.enter(open.doctype, open.name, doing);
	}, { immediate: true });
	watch([() => toValue(enter), () => toValue(form)], () => {
		stopWatching();
		stopWatching = () => {};
		if (!toValue(enter)) return;
		stopWatching = watchActivity({
			form: toValue(form),
			onChange(now) {
				doing = now;
				visit?.update(now);
			},
			onGoingOn: () => visit?.renew()
		});
	}, {
		immediate: true,
		flush: "post"
	});
	onScopeDispose(() => {
		stopWatching();
		leave();
	});
	return {
		viewers: computed(() => here.value.viewers),
		count: computed(() => here.value.count),
		left: computed(() => here.value.left),
		editors,
		contested: computed(() => editors.value.length > 1),
		loaded,
		stale,
		denied
	};
}
// ../presence_progress/public/js/client/announce.js
/**
* One polite live region for the page: screen readers hear of progress without a flood.
*
* It stands in the document, since live regions in shadow roots that come and go are not read
* reliably, and apart from what is shown, which changes too often to be read aloud.
*/
var EVERY_MS = 5e3;
var ID = "presence-progress-announcer";
/** @returns {HTMLElement} */
function region() {
	const found = document.getElementById(ID);
	if (found) return found;
	const made = document.createElement("div");
	made.id = ID;
	made.setAttribute("role", "status");
	made.setAttribute("aria-live", "polite");
	made.style.cssText = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
	document.body.append(made);
	return made;
}
/** Ends that were told: a task may stand on a page more than once. @type {Set<string>} */
var told = /* @__PURE__ */ new Set();
/**
* What the end of a task is told once under; nothing where its time is not known.
*
* @param {string} taskId
* @param {number | null | undefined} endedAt
*/
function endKey(taskId, endedAt) {
	return endedAt ? `${taskId} ${endedAt}` : void 0;
}
/** Makes a speaker that says its newest text, at most every five seconds. */
function createAnnouncer() {
	let last = -Infinity;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	/** @param {string} text */
	function say(text) {
		last = Date.now();
		region().textContent = text;
	}
	return {
		/**
		* @param {string} text
		* @param {{ now?: boolean, once?: string }} [options] `now` for what ends a matter; of what has
		*   the same `once`, only the first is said, whoever says it
		*/
		announce(text, { now = false, once } = {}) {
			clearTimeout(timer);
			if (once !== void 0) {
				if (told.has(once)) return;
				told.add(once);
			}
			const wait = now ? 0 : last + EVERY_MS - Date.now();
			if (wait <= 0) say(text);
			else timer = setTimeout(() => say(text), wait);
		},
		stop: () => clearTimeout(timer)
	};
}
// ../presence_progress/public/js/client/translate.js
/**
* Every string that people read goes through here: Frappe's `__` where the page has it.
*
* @param {string} text with `{0}`, `{1}`, … for the values
* @param {...(string | number)} values
* @returns {string}
*/
function translate(text, ...values) {
	const { __ } = window;
	if (typeof __ === "function") return __(text, values);
	return text.replace(/\{(\d+)\}/g, (_, index) => String(values[Number(index)] ?? ""));
}
// ../presence_progress/public/js/client/numbers.js
/**
* Numbers and times as people read them, in the page's language.
*/
/** @type {Map<string, Intl.NumberFormat>} */
var formats = /* @__PURE__ */ new Map();
/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
function formatNumber(value, options = {}) {
	const language = document.documentElement.lang;
	const key = language + JSON.stringify(options);
	let format = formats.get(key);
	if (!format) {
		try {
			format = new Intl.NumberFormat(language || void 0, options);
		} catch {
			format = new Intl.NumberFormat(void 0, options);
		}
		formats.set(key, format);
	}
	return format.format(value);
}
/** @param {number} perSecond */
function formatRate(perSecond) {
	return translate("{0}/s", formatNumber(perSecond, { maximumFractionDigits: perSecond < 10 ? 1 : 0 }));
}
/** A time span in its two largest units. @param {number} seconds */
function formatDuration(seconds) {
	const whole = Math.max(0, Math.round(seconds));
	if (whole < 60) return translate("{0} s", whole);
	const minutes = Math.floor(whole / 60);
	if (minutes < 60) return translate("{0} min {1} s", minutes, whole % 60);
	return translate("{0} h {1} min", Math.floor(minutes / 60), minutes % 60);
}
/** A time span in its largest unit. @param {number} seconds */
function formatRough(seconds) {
	if (seconds < 60) return translate("{0} s", Math.round(seconds));
	if (seconds < 3600) return translate("{0} min", Math.round(seconds / 60));
	return translate("{0} h", formatNumber(Math.round(seconds / 3600)));
}
/**
* A time span that is known roughly: "3–5 min".
*
* @param {number} low seconds
* @param {number} high seconds
* @returns {string} empty when both read the same
*/
function formatSpan(low, high) {
	const [unit, text] = high < 60 ? [1, "{0}–{1} s"] : high < 3600 ? [60, "{0}–{1} min"] : [3600, "{0}–{1} h"];
	const [from, to] = [low, high].map((seconds) => Math.round(seconds / unit));
	if (from >= to) return "";
	if (from === 0) return translate("{0} – {1}", formatRough(low), formatRough(high));
	return translate(text, formatNumber(from), formatNumber(to));
}
var UNITS = [
	["day", 86400],
	["hour", 3600],
	["minute", 60]
];
var DAYS_TOLD = 7;
/** How long ago something was; a date when it was long ago. @param {number} then @param {number} now */
function formatAgo(then, now) {
	const seconds = Math.max(0, now - then) / 1e3;
	const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ["minute", 60];
	if (seconds < 60) return translate("just now");
	const language = languageOf();
	if (unit === "day" && seconds >= DAYS_TOLD * length) return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(then);
	return new Intl.RelativeTimeFormat(language, { style: "short" }).format(-Math.floor(seconds / length), unit);
}
/** The page's language, if the browser knows it. */
function languageOf() {
	try {
		return Intl.getCanonicalLocales(document.documentElement.lang)[0];
	} catch {
		return;
	}
}
// ../presence_progress/public/js/client/user.js
/** The user that this page is for, as Frappe's pages know it; none where the page does not say. */
/** @returns {string | undefined} */
function currentUser() {
	return window.frappe?.session?.user;
}
// ../presence_progress/public/js/components/avatar.js
/**
* How a person looks without a picture: initials, on a colour that is the same everywhere; and what
* is said of people.
*/
/** @typedef {import("../client/viewers.js").Viewer} Viewer */
/** Hues that tell people apart; between them the eye sees little difference. */
var HUES = [
	4,
	26,
	44,
	92,
	150,
	178,
	205,
	232,
	266,
	300,
	335
];
/** @param {string} name */
function initials(name) {
	const words = name.split(/[\s@._-]+/u).filter(Boolean);
	return (words.length > 1 ? [words[0], words[words.length - 1]] : words).map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}
/** @param {string} user */
function hue(user) {
	let hash = 0;
	for (const letter of user) hash = hash * 31 + letter.codePointAt(0) >>> 0;
	return HUES[hash % HUES.length];
}
/** @param {{ user: string, name?: string }} person */
function nameOf({ user, name }) {
	return user === currentUser() ? translate("{0} (you)", name || user) : name || user;
}
/**
* @param {Viewer} viewer
* @param {(field: string) => string} [fieldLabel] what people call a field
*/
function activityText({ activity, focus }, fieldLabel = (field) => field) {
	const word = translate(activity === "idle" || activity === "editing" ? activity : "viewing");
	return focus ? translate("{0} · {1}", word, fieldLabel(focus)) : word;
}
/**
* @param {import("../client/viewers.js").Left} left
* @param {number} now milliseconds since 1970
*/
function leftText({ last_seen: lastSeen }, now) {
	const seconds = Math.min(Math.max(now - lastSeen, 0) / 1e3, 120);
	if (seconds < 45) return translate("was here a moment ago");
	return seconds < 90 ? translate("was here a minute ago") : translate("was here {0} minutes ago", formatNumber(2));
}
/**
* A warning that several people edit the same at once.
*
* @param {Viewer[]} editors
* @returns {string} empty unless there are two
*/
function contestText(editors) {
	if (editors.length < 2) return "";
	const others = editors.filter(({ user }) => user !== currentUser());
	const [one, two] = others.map(({ user, name }) => name || user);
	const more = formatNumber(others.length - 1);
	const mine = others.length < editors.length;
	if (others.length === 1) return translate("{0} is editing this too", one);
	if (mine) return others.length === 2 ? translate("{0} and {1} are editing this too", one, two) : translate("{0} and {1} others are editing this too", one, more);
	return others.length === 2 ? translate("{0} and {1} are editing this at the same time", one, two) : translate("{0} and {1} others are editing this at the same time", one, more);
}
// ../presence_progress/public/js/components/styles.js
/**
* The look of the components, in parts, so that a page which shows a count loads no more than that.
*
* Not in `<style>` blocks: Frappe's bundler moves those into the document's head, which would leave
* the custom elements' shadow roots bare and breaks on web pages. Elements take their parts as
* their own styles; components adopt them into the document once.
*
* Colours are Frappe's variables where the page has them. The fallbacks follow the page's
* `color-scheme`, not the system: a light page on a dark system stays readable.
*/
var base = `
.pp {
  --pp-text: var(--text-color, light-dark(#1a1d21, #ededf0));
  --pp-muted: var(--text-muted, light-dark(#626a73, #a0a5ad));
  --pp-surface: var(--card-bg, var(--fg-color, light-dark(#fff, #1a1b1e)));
  --pp-hover: var(--fg-hover-color, light-dark(#f3f4f6, #26282c));
  --pp-line: var(--border-color, light-dark(#e4e6ea, #303237));
  --pp-track: var(--pp-track-color, light-dark(#eceef1, #2b2d32));
  --pp-accent: var(--pp-accent-color, light-dark(#2358d8, #6f9af3));
  --pp-green: light-dark(#178344, #4ac27b);
  --pp-amber: light-dark(#9a5b00, #e2a63d);
  --pp-red: light-dark(#c4282b, #f4797a);
  --pp-focus: var(--pp-accent);
  box-sizing: border-box;
  color: var(--pp-text);
  font-variant-numeric: tabular-nums;
}
@supports not (color: light-dark(#000, #fff)) {
  .pp {
    --pp-text: var(--text-color, #1a1d21);
    --pp-muted: var(--text-muted, #626a73);
    --pp-surface: var(--card-bg, #fff);
    --pp-hover: var(--fg-hover-color, #f3f4f6);
    --pp-line: var(--border-color, #e4e6ea);
    --pp-track: #eceef1;
    --pp-accent: #2358d8;
    --pp-green: #178344;
    --pp-amber: #9a5b00;
    --pp-red: #c4282b;
  }
}
[data-theme="dark"] .pp { color-scheme: dark; }
[data-theme="light"] .pp { color-scheme: light; }
:host-context([data-theme="dark"]) .pp { color-scheme: dark; }
:host-context([data-theme="light"]) .pp { color-scheme: light; }
.pp *, .pp *::before, .pp *::after { box-sizing: border-box; }
.pp button {
  margin: 0;
  border: 0;
  padding: 0;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
.pp :focus-visible, .pp:focus-visible {
  outline: 2px solid var(--pp-focus);
  outline-offset: 2px;
}
`;
var countStyles = `
/* LiveCount */
.pp-count { display: inline; color: inherit; }
.pp-count[data-stale] { opacity: 0.6; }
`;
var taskHeadStyles = `
/* TaskProgress */
:host(task-progress) { display: block; }
.pp-task {
  border: 1px solid var(--pp-line);
  border-radius: 12px;
  padding: 14px 16px;
  background: var(--pp-surface);
  font-size: 0.875rem;
  line-height: 1.45;
  container-type: inline-size;
}
.pp-task p { margin: 0; }
.pp-task-head { display: flex; align-items: center; gap: 8px; min-height: 28px; }
.pp-task-title {
  flex: 0 1 auto;
  min-width: 0;
  overflow: hidden;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-task-stage {
  flex: 1 1 0;
  min-width: 0;
  overflow: hidden;
  color: var(--pp-muted);
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-badge {
  display: inline-flex;
  flex: none;
  align-items: center;
  gap: 6px;
  border-radius: 99px;
  padding: 2px 9px;
  background: color-mix(in srgb, var(--pp-badge) 11%, transparent);
  color: color-mix(in srgb, var(--pp-badge) 88%, var(--pp-text));
  font-size: 0.75rem;
  font-weight: 550;
  white-space: nowrap;
}
.pp-badge::before {
  width: 6px;
  height: 6px;
  border-radius: 50%;
  background: currentColor;
  content: "";
}
`;
/** Of TaskProgress and of TaskTray's rows. */
var taskStyles = `
.pp-task, .pp-row { --pp-badge: var(--pp-muted); --pp-fill: var(--pp-accent); }
:is(.pp-task, .pp-row)[data-state="running"] { --pp-badge: var(--pp-accent); }
:is(.pp-task, .pp-row):is([data-state="cancelling"], [data-state="stalled"]) {
  --pp-badge: var(--pp-amber);
  --pp-fill: var(--pp-amber);
}
:is(.pp-task, .pp-row)[data-state="done"] { --pp-badge: var(--pp-green); --pp-fill: var(--pp-green); }
:is(.pp-task, .pp-row):is([data-state="failed"], [data-state="lost"]) {
  --pp-badge: var(--pp-red);
  --pp-fill: var(--pp-red);
}
.pp-task[data-state="cancelled"] { --pp-fill: color-mix(in srgb, var(--pp-muted) 55%, transparent); }
.pp-task[data-state="running"] .pp-badge::before { animation: pp-pulse 1.8s ease-in-out infinite; }
.pp-bar {
  position: relative;
  overflow: hidden;
  margin-block: 10px 9px;
  border-radius: 99px;
  height: 6px;
  background: var(--pp-track);
}
.pp-bar[data-slim] { margin-block: 7px 6px; height: 4px; }
.pp-bar-cut { position: absolute; inset-block: 0; width: 2px; background: var(--pp-surface); }
.pp-bar-fill {
  border-radius: inherit;
  inline-size: 0;
  height: 100%;
  background: var(--pp-fill);
  /* As long as the time between two flushes, so that the bar glides instead of stepping. */
  transition: inline-size 0.25s linear, background-color 0.3s;
}
.pp-bar[data-unknown] .pp-bar-fill { inline-size: 34%; animation: pp-slide 1.6s ease-in-out infinite; }
.pp-bar[data-unknown]:dir(rtl) .pp-bar-fill { animation-name: pp-slide-rtl; }
:is(.pp-task, .pp-row)[data-stale] .pp-bar-fill { animation-play-state: paused; opacity: 0.55; }
/* Nobody knows whether it goes on: striped, and standing still. */
:is(.pp-task, .pp-row)[data-state="stalled"] .pp-bar-fill {
  background: repeating-linear-gradient(
    -45deg,
    var(--pp-fill) 0 5px,
    color-mix(in srgb, var(--pp-fill) 45%, var(--pp-track)) 5px 10px
  );
}
:is(.pp-task, .pp-row)[data-state="stalled"] .pp-bar[data-unknown] .pp-bar-fill {
  inline-size: 100%;
  animation: none;
}
.pp-task-line {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 2px 14px;
  color: var(--pp-muted);
}
/* Text that nobody translated keeps its order in a page that is read from right to left. */
.pp-task-title, .pp-task-stage, .pp-badge, .pp-row-title, .pp-message-text { unicode-bidi: isolate; }
.pp-task-percent, .pp-task-line > *, .pp-row-line > *, .pp-stages span, .pp-issues summary span, .pp-issues-foot span,
.pp-task-note, .pp-task-error, .pp-row-error {
  unicode-bidi: plaintext;
}
.pp-task-line strong { color: var(--pp-text); font-weight: 550; }
.pp-task-percent {
  margin-inline-start: auto;
  color: var(--pp-text);
  font-weight: 600;
}
.pp-task-note { margin-block-start: 8px !important; color: var(--pp-badge); overflow-wrap: anywhere; }
.pp-task-error {
  margin-block-start: 8px !important;
  color: var(--pp-red);
  overflow-wrap: anywhere;
}
.pp-task-hint { margin-block-start: 8px !important; color: var(--pp-amber); }
.pp-button {
  flex: none;
  border: 1px solid var(--pp-line) !important;
  border-radius: 7px;
  padding: 3px 10px !important;
  background: var(--pp-surface) !important;
  font-size: 0.8125rem !important;
  font-weight: 500 !important;
  line-height: 1.4 !important;
  transition: background-color 0.12s;
}
a.pp-button { color: var(--pp-accent); text-decoration: none; white-space: nowrap; }
.pp-button:disabled { opacity: 0.5; pointer-events: none; }
.pp-button:hover { background: var(--pp-hover) !important; }
`;
var progressStyles = `
.pp-stages {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 14px;
  margin: 6px 0 0;
  padding: 0;
  color: var(--pp-muted);
  font-size: 0.8125rem;
  list-style: none;
}
.pp-stages li { display: inline-flex; align-items: center; gap: 6px; min-width: 0; }
.pp-stages svg { flex: none; fill: none; stroke: currentColor; stroke-width: 1.5; }
.pp-stages [data-part="done"] svg { color: var(--pp-green); }
.pp-stages [data-part="now"] { color: var(--pp-text); font-weight: 550; }
.pp-stages [data-part="now"] svg { color: var(--pp-badge); fill: currentColor; }
.pp-stages [data-part="later"] svg { opacity: 0.6; }
.pp-issues { margin-block-start: 8px; }
.pp-issues summary {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  border-radius: 6px;
  margin-inline-start: -6px;
  padding: 2px 6px;
  color: var(--pp-muted);
  cursor: pointer;
  list-style: none;
  user-select: none;
}
.pp-issues summary::-webkit-details-marker { display: none; }
.pp-issues summary:hover { background: var(--pp-hover); color: var(--pp-text); }
.pp-issues summary svg { transition: rotate 0.15s; }
.pp-issues summary:dir(rtl) svg { rotate: 180deg; }
.pp-issues[open] summary svg, .pp-issues[open] summary:dir(rtl) svg { rotate: 90deg; }
.pp-issues [data-level="warning"] { color: var(--pp-amber); }
.pp-issues [data-level="error"] { color: var(--pp-red); }
.pp-messages {
  overflow: auto;
  margin: 6px 0 0;
  border-block-start: 1px solid var(--pp-line);
  padding: 0;
  max-height: 15rem;
  list-style: none;
}
.pp-messages li {
  display: grid;
  grid-template-columns: 5.5rem 1fr;
  gap: 10px;
  border-block-end: 1px solid var(--pp-line);
  padding: 5px 0;
  font-size: 0.8125rem;
}
.pp-messages li:last-child { border: 0; }
.pp-message-text { overflow-wrap: anywhere; }
.pp-messages .pp-messages-gap { display: block; color: var(--pp-muted); text-align: center; }
.pp-issues-foot {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 10px;
  padding-block-start: 8px;
  color: var(--pp-muted);
  font-size: 0.8125rem;
}
.pp-issues-foot .pp-button { color: var(--pp-text); }
.pp-traceback {
  overflow: auto;
  margin: 6px 0 0;
  border: 1px solid var(--pp-line);
  border-radius: 8px;
  padding: 10px 12px;
  max-height: 18rem;
  background: var(--pp-hover);
  color: var(--pp-text);
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", monospace;
  font-size: 0.75rem;
  line-height: 1.5;
  tab-size: 4;
  white-space: pre;
}
.pp-traceback-none { padding-block-start: 4px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-messages-more { padding-block: 6px 2px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-quiet {
  border: 1px dashed var(--pp-line);
  border-radius: 12px;
  padding: 14px 16px;
  color: var(--pp-muted);
  font-size: 0.875rem;
}
.pp-quiet p { margin: 0; }
@container (max-width: 400px) {
  .pp-task-title { flex-grow: 1; }
  .pp-task-stage { display: none; }
}
`;
var trayStyles = `
/* TaskTray */
:host(task-tray) { display: inline-block; vertical-align: middle; }
.pp-tray { position: relative; display: inline-block; vertical-align: middle; }
.pp .pp-tray-button {
  position: relative;
  display: grid;
  place-items: center;
  border-radius: 8px;
  width: 32px;
  height: 32px;
  color: var(--pp-muted);
}
.pp .pp-tray-button:is(:hover, [aria-expanded="true"]) { background: var(--pp-hover); color: var(--pp-text); }
.pp-tray-button svg { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.pp-tray-arc { display: none; stroke: var(--pp-accent); stroke-width: 2; transform-origin: 50% 50%; }
[data-busy] .pp-tray-ring { opacity: 0.35; }
[data-busy] .pp-tray-check { display: none; }
[data-busy] .pp-tray-arc { display: block; animation: pp-turn 1.1s linear infinite; }
.pp-tray-badge {
  position: absolute;
  inset-block-start: -3px;
  inset-inline-end: -4px;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 99px;
  padding-inline: 4px;
  min-width: 18px;
  background: var(--pp-accent);
  color: light-dark(#fff, #0d1117);
  font-size: 0.625rem;
  font-weight: 650;
  line-height: 14px;
  text-align: center;
}
.pp-tray-badge[data-tone="done"] { background: var(--pp-green); }
.pp-tray-badge[data-tone="failed"] { background: var(--pp-red); }
.pp-tray-unread {
  position: absolute;
  inset-block-end: 1px;
  inset-inline-end: 1px;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 50%;
  width: 11px;
  height: 11px;
  background: var(--pp-green);
}
.pp-tray-panel {
  position: absolute;
  inset-block-start: calc(100% + 8px);
  inset-inline-end: 0;
  z-index: 1030;
  overflow: auto;
  overscroll-behavior: contain;
  border: 1px solid var(--pp-line);
  border-radius: 12px;
  padding: 4px 0 6px;
  width: min(25rem, calc(100vw - 16px));
  max-height: min(34rem, calc(100vh - 88px));
  background: var(--pp-surface);
  box-shadow: 0 10px 34px light-dark(rgb(15 20 30 / 0.16), rgb(0 0 0 / 0.55));
  font-size: 0.875rem;
  line-height: 1.45;
  text-align: start;
  white-space: normal;
}
.pp .pp-tray-panel:focus { outline: none; }
.pp-tray-panel :is(h2, p, ul) { margin: 0; }
.pp-tray-panel .pp-tray-title {
  padding: 10px 16px 2px;
  color: var(--pp-muted);
  font-size: 0.75rem;
  font-weight: 600;
  letter-spacing: 0.01em;
}
.pp-rows { padding: 0; list-style: none; }
.pp-row { position: relative; padding: 9px 16px 10px; }
.pp-row + .pp-row { border-block-start: 1px solid var(--pp-line); }
.pp-row[data-unread] { background: color-mix(in srgb, var(--pp-badge) 5%, transparent); }
.pp-row-head { display: flex; align-items: center; gap: 8px; min-height: 26px; }
.pp-row-mark {
  flex: none;
  fill: none;
  stroke: var(--pp-badge);
  stroke-width: 1.5;
  stroke-linecap: round;
  stroke-linejoin: round;
}
.pp-row-dot { fill: var(--pp-badge); stroke: none; }
.pp-row[data-state="running"] .pp-row-dot { transform-origin: 50% 50%; animation: pp-pulse 1.8s ease-in-out infinite; }
.pp-row-title {
  flex: 1 1 0;
  overflow: hidden;
  font-weight: 550;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.pp-row-new {
  flex: none;
  border-radius: 99px;
  padding: 0 7px;
  background: color-mix(in srgb, var(--pp-badge) 9%, transparent);
  color: color-mix(in srgb, var(--pp-badge) 85%, var(--pp-text));
  font-size: 0.6875rem;
  font-weight: 600;
}
.pp-row .pp-button { padding: 1px 8px !important; font-size: 0.75rem !important; }
.pp-row .pp-bar, .pp-row-line, .pp-row-error { margin-inline-start: 24px !important; }
.pp-row-line {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 0 12px;
  color: var(--pp-muted);
  font-size: 0.8125rem;
}
.pp-row:is([data-state="stalled"], [data-state="lost"]) .pp-row-line > :first-child { color: var(--pp-badge); }
.pp-row-error {
  display: -webkit-box;
  overflow: hidden;
  color: var(--pp-red);
  font-size: 0.8125rem;
  overflow-wrap: anywhere;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 2;
}
.pp-tray-note, .pp-tray-empty { padding: 6px 16px; color: var(--pp-muted); font-size: 0.8125rem; }
.pp-tray-empty { padding-block: 26px; text-align: center; }
.pp .pp-tray-more {
  display: block;
  border-radius: 7px;
  margin: 4px 8px 0;
  padding: 6px 8px;
  width: calc(100% - 16px);
  color: var(--pp-muted);
  font-size: 0.8125rem;
  font-weight: 550;
}
.pp .pp-tray-more:hover { background: var(--pp-hover); color: var(--pp-text); }
.pp .pp-tray-more:disabled { opacity: 0.5; }
`;
var presenceStyles = `
/* DocViewers, OnlineUsers */
:host(doc-viewers), :host(online-users) { display: inline-block; vertical-align: middle; }
.pp-document, .pp-online {
  display: inline-flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 10px;
  max-width: 100%;
  vertical-align: middle;
}
.pp-faces {
  --pp-size: 32px;
  display: inline-flex;
  align-items: center;
  gap: 5px;
  vertical-align: middle;
}
.pp-faces[data-compact] { --pp-size: 26px; }
.pp-viewers {
  position: relative;
  isolation: isolate;
  display: inline-flex;
  margin: 0;
  padding: 0;
  list-style: none;
}
/* The first face lies on top, so that no face covers the mark of the one before it. */
.pp-viewers > li { position: relative; z-index: var(--pp-order, 0); margin: 0; }
.pp-viewers > li + li { margin-inline-start: calc(var(--pp-size) * -0.13); }
.pp-viewers > li:hover, .pp-viewers > li:focus-within { z-index: 99; }
.pp-avatar {
  position: relative;
  display: block;
  border-radius: 50%;
  width: var(--pp-size);
  height: var(--pp-size);
  background: var(--pp-ring, var(--pp-surface)) !important;
  padding: 2px !important;
  cursor: default !important;
}
.pp-avatar-face {
  display: grid;
  overflow: hidden;
  place-items: center;
  border-radius: 50%;
  width: 100%;
  height: 100%;
  background: light-dark(hsl(var(--pp-hue) 62% 89%), hsl(var(--pp-hue) 34% 29%));
  color: light-dark(hsl(var(--pp-hue) 62% 25%), hsl(var(--pp-hue) 70% 90%));
  font-size: calc(var(--pp-size) * 0.34);
  font-weight: 600;
  letter-spacing: 0.01em;
  line-height: 1;
  user-select: none;
}
.pp-avatar-face img { width: 100%; height: 100%; object-fit: cover; }
.pp-avatar[data-activity="editing"] .pp-avatar-face { box-shadow: 0 0 0 2px var(--pp-accent); }
/* Grey, but with initials that stay readable. */
.pp-avatar:is([data-activity="idle"], [data-left], .pp-avatar-more) .pp-avatar-face {
  background: var(--pp-track);
  color: color-mix(in srgb, var(--pp-muted) 80%, var(--pp-text));
}
.pp-avatar[data-activity="idle"] img { filter: grayscale(0.75); opacity: 0.6; }
.pp-avatar[data-left] img { filter: grayscale(1); opacity: 0.5; }
.pp-avatar[data-left] .pp-avatar-face {
  border: 1px dashed color-mix(in srgb, var(--pp-muted) 60%, transparent);
  background: none;
  font-weight: 500;
}
.pp-avatar-more { width: auto; min-width: var(--pp-size); border-radius: 99px !important; }
.pp-avatar-more .pp-avatar-face {
  direction: ltr;
  border-radius: 99px;
  padding-inline: 5px;
}
.pp-mark {
  position: absolute;
  inset-block-end: -1px;
  inset-inline-end: -1px;
  display: grid;
  place-items: center;
  border: 2px solid var(--pp-ring, var(--pp-surface));
  border-radius: 50%;
  width: 13px;
  height: 13px;
  background: var(--pp-green);
  color: light-dark(#fff, #0d1117);
}
.pp-mark svg { display: none; width: 7px; height: 7px; }
.pp-avatar[data-activity="editing"] .pp-mark { width: 16px; height: 16px; background: var(--pp-accent); }
.pp-avatar[data-activity="editing"] .pp-mark svg { display: block; }
.pp-avatar[data-activity="idle"] .pp-mark {
  background: var(--pp-ring, var(--pp-surface));
  box-shadow: inset 0 0 0 2px var(--pp-muted);
}
.pp-faces[data-compact] .pp-avatar { padding: 1px !important; }
.pp-faces[data-compact] .pp-mark { width: 9px; height: 9px; }
.pp-faces[data-compact] .pp-avatar[data-activity="editing"] .pp-mark { width: 11px; height: 11px; }
.pp-faces[data-compact] .pp-mark svg { width: 5px; height: 5px; }
.pp-tip {
  position: absolute;
  inset-block-start: calc(100% + 6px);
  inset-inline-end: 0;
  z-index: 10;
  /* Never display: none, since it is the button's name. */
  opacity: 0;
  border-radius: 8px;
  padding: 5px 9px;
  width: max-content;
  max-width: 16rem;
  background: light-dark(#1f2328, #e9eaee);
  box-shadow: 0 4px 14px rgb(0 0 0 / 0.18);
  color: light-dark(#fff, #16181c);
  font-size: 0.75rem;
  font-weight: 500;
  line-height: 1.4;
  overflow-wrap: anywhere;
  text-align: start;
  white-space: normal;
  pointer-events: none;
}
.pp-tip small { display: block; font-size: inherit; font-weight: 400; opacity: 0.78; }
.pp-viewers > li:hover .pp-tip, .pp-avatar:focus-visible .pp-tip { opacity: 1; }
.pp-viewers:hover, .pp-viewers:focus-within { z-index: 5; }
.pp-contest {
  position: relative;
  display: inline-flex;
  align-items: start;
  gap: 6px;
  border-radius: 8px;
  margin: 0;
  padding: 4px 10px 4px 8px;
  background: color-mix(in srgb, var(--pp-amber) 12%, var(--pp-surface));
  color: var(--pp-amber);
  font-size: 0.8125rem;
  font-weight: 550;
  line-height: 1.4;
  overflow-wrap: anywhere;
}
.pp-contest svg { flex: none; margin-block-start: 1px; }
.pp-contest[data-compact] {
  border: 0;
  border-radius: 50%;
  padding: 5px;
  font: inherit;
  cursor: default;
}
.pp .pp-contest[data-compact] {
  background: color-mix(in srgb, var(--pp-amber) 14%, transparent);
  color: var(--pp-amber);
}
.pp-contest[data-compact] svg { display: block; margin: 0; }
.pp-tip, .pp-tip small, .pp-contest > span, .pp-online-count > span { unicode-bidi: plaintext; }
.pp-online { font-size: 0.875rem; }
.pp-online[data-stale] { opacity: 0.6; }
.pp-online-count { display: inline-flex; align-items: center; gap: 7px; color: var(--pp-muted); white-space: nowrap; }
.pp-online-count::before {
  border-radius: 50%;
  width: 8px;
  height: 8px;
  background: var(--pp-green);
  content: "";
}
.pp-invisible {
  position: relative;
  display: grid;
  place-items: center;
  border-radius: 7px;
  width: 28px;
  height: 28px;
  color: var(--pp-muted) !important;
}
.pp-invisible:hover { background: var(--pp-hover) !important; color: var(--pp-text) !important; }
.pp-invisible[aria-checked="true"] {
  background: color-mix(in srgb, var(--pp-amber) 14%, transparent) !important;
  color: var(--pp-amber) !important;
}
.pp-invisible:is(:hover, :focus-visible) .pp-tip, .pp-contest:is(:hover, :focus-visible) .pp-tip { opacity: 1; }
.pp-viewers-enter-active, .pp-viewers-leave-active { transition: opacity 0.2s, scale 0.2s; }
.pp-viewers-enter-from, .pp-viewers-leave-to { opacity: 0; scale: 0.6; }
.pp-viewers-move { transition: translate 0.2s, transform 0.2s; }
`;
/** Comes with every part, before or after it. */
var motion = `
@keyframes pp-pulse { 50% { opacity: 0.35; } }
@keyframes pp-turn { to { rotate: 360deg; } }
@keyframes pp-slide {
  from { translate: -110%; }
  to { translate: 310%; }
}
@keyframes pp-slide-rtl {
  from { translate: 110%; }
  to { translate: -310%; }
}
@media (prefers-reduced-motion: reduce) {
  .pp *, .pp *::before { animation-duration: 0s !important; animation-iteration-count: 1 !important; transition: none !important; }
  .pp-bar[data-unknown] .pp-bar-fill { animation: none !important; inline-size: 100% !important; opacity: 0.35; }
}
@media (forced-colors: active) {
  .pp-bar { border: 1px solid CanvasText; }
  .pp-bar-fill { background: Highlight !important; }
}
`;
/**
* Puts parts into the document, each once.
*
* @param {Record<string, string>} parts by name
*/
function adoptStyles(parts) {
	for (const [name, css] of Object.entries({
		base,
		...parts,
		motion
	})) {
		const id = `presence-progress-${name}`;
		if (document.getElementById(id)) continue;
		const style = document.createElement("style");
		style.id = id;
		style.textContent = css;
		document.head.append(style);
	}
}
// ../presence_progress/public/js/components/tip.js
/**
* Moves what floats over the page into the window: near an edge it would be cut off.
*/
var MARGIN_PX = 6;
/** For `pointerenter` and `focus`. @param {Event} event */
function placeTip({ currentTarget }) {
	const tip = currentTarget.querySelector(".pp-tip");
	if (!(tip instanceof HTMLElement)) return;
	keepInWindow(tip);
}
/** @param {HTMLElement} element */
function keepInWindow(element) {
	element.style.translate = "none";
	const { left, right } = element.getBoundingClientRect();
	const overRight = Math.min(0, document.documentElement.clientWidth - MARGIN_PX - right);
	const shift = left < MARGIN_PX ? MARGIN_PX - left : overRight;
	element.style.translate = `${Math.round(shift)}px`;
}
// ../presence_progress/public/js/components/ContestNote.vue
var _sfc_main$12 = {
	__name: "ContestNote",
	props: {
		editors: {
			type: Array,
			required: true
		},
		/** A sign only, with the words in a tip. */
		compact: {
			type: Boolean,
			default: false
		}
	},
	setup(__props) {
		/**
		* A warning that two or more people edit the same document: to be read, and heard once.
		*/
		const props = __props;
		const announcer = createAnnouncer();
		const text = computed(() => contestText(props.editors));
		watch(text, (now) => {
			if (now && !props.compact) announcer.announce(now);
		}, { immediate: true });
		onScopeDispose(announcer.stop);
		adoptStyles({ presenceStyles });
		return (_ctx, _cache) => {
			return text.value ? (openBlock(), createBlock(resolveDynamicComponent(__props.compact ? "button" : "p"), {
				key: 0,
				class: "pp pp-contest",
				type: __props.compact ? "button" : void 0,
				"data-compact": __props.compact ? "" : void 0,
				onPointerenter: unref(placeTip),
				onFocus: unref(placeTip)
			}, {
				default: withCtx(() => [_cache[0] || (_cache[0] = createElementVNode("svg", {
					viewBox: "0 0 16 16",
					width: "16",
					height: "16",
					"aria-hidden": "true"
				}, [createElementVNode("path", {
					d: "M8 2.2 14.3 13.3H1.7zM8 6.4v3.2M8 11.3v.1",
					fill: "none",
					stroke: "currentColor",
					"stroke-width": "1.5",
					"stroke-linecap": "round",
					"stroke-linejoin": "round"
				})], -1)), createElementVNode("span", { class: normalizeClass(__props.compact ? "pp-tip" : void 0) }, toDisplayString(text.value), 3)]),
				_: 1
			}, 40, [
				"type",
				"data-compact",
				"onPointerenter",
				"onFocus"
			])) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/composables/useNow.js
/**
* The time, for texts such as "a minute ago"; it goes on only while it is wanted.
*
* @param {import("vue").MaybeRefOrGetter<boolean>} wanted
* @param {number} [everyMs]
*/
function useNow(wanted, everyMs = 15e3) {
	const now = ref(Date.now());
	/** @type {ReturnType<typeof setInterval> | undefined} */
	let timer;
	function look() {
		now.value = Date.now();
	}
	watch(() => toValue(wanted), (on) => {
		clearInterval(timer);
		if (!on) return;
		look();
		timer = setInterval(look, everyMs);
	}, {
		immediate: true,
		flush: "sync"
	});
	onScopeDispose(() => clearInterval(timer));
	return readonly(now);
}
// ../presence_progress/public/js/components/PersonAvatar.vue
var _hoisted_1$11 = [
	"data-activity",
	"data-user",
	"data-left"
];
var _hoisted_2$8 = ["src"];
var _hoisted_3$7 = {
	key: 0,
	class: "pp-mark",
	"aria-hidden": "true"
};
var _hoisted_4$7 = { class: "pp-tip" };
var _sfc_main$3 = {
	__name: "PersonAvatar",
	props: {
		person: {
			type: Object,
			required: true
		},
		/** None for somebody who is here no more. */
		activity: {
			type: String,
			default: ""
		},
		detail: {
			type: String,
			default: ""
		}
	},
	setup(__props) {
		/**
		* One face. Its name and what the person does stand in a tip, for the pointer, the keyboard and
		* screen readers.
		*/
		/** The picture that did not load. */
		const broken = ref("");
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("button", {
				type: "button",
				class: "pp-avatar",
				"data-activity": __props.activity || void 0,
				"data-user": __props.activity ? __props.person.user : void 0,
				"data-left": __props.activity ? void 0 : __props.person.user,
				onPointerenter: _cache[1] || (_cache[1] = (...args) => unref(placeTip) && unref(placeTip)(...args)),
				onFocus: _cache[2] || (_cache[2] = (...args) => unref(placeTip) && unref(placeTip)(...args))
			}, [
				createElementVNode("span", {
					class: "pp-avatar-face",
					style: normalizeStyle({ "--pp-hue": unref(hue)(__props.person.user) }),
					"aria-hidden": "true"
				}, [__props.person.image && __props.person.image !== broken.value ? (openBlock(), createElementBlock("img", {
					key: 0,
					src: __props.person.image,
					alt: "",
					onError: _cache[0] || (_cache[0] = ($event) => broken.value = __props.person.image)
				}, null, 40, _hoisted_2$8)) : (openBlock(), createElementBlock(Fragment, { key: 1 }, [createTextVNode(toDisplayString(unref(initials)(__props.person.name || __props.person.user)), 1)], 64))], 4),
				__props.activity ? (openBlock(), createElementBlock("span", _hoisted_3$7, [..._cache[3] || (_cache[3] = [createElementVNode("svg", { viewBox: "0 0 8 8" }, [createElementVNode("path", {
					d: "M1 7l.6-2.2L5.4 1 7 2.6 3.2 6.4z",
					fill: "currentColor"
				})], -1)])])) : createCommentVNode("v-if", true),
				createElementVNode("span", _hoisted_4$7, [createTextVNode(toDisplayString(unref(nameOf)(__props.person)), 1), createElementVNode("small", null, toDisplayString(__props.detail), 1)])
			], 40, _hoisted_1$11);
		};
	}
};
// ../presence_progress/public/js/components/ViewerAvatars.vue
var _hoisted_1$10 = ["data-compact"];
var _hoisted_2$7 = { key: "+" };
var _hoisted_3$6 = {
	class: "pp-avatar-face",
	"aria-hidden": "true"
};
var _hoisted_4$6 = { class: "pp-tip" };
/** @typedef {import("../client/viewers.js").Viewer} Viewer */
/** @typedef {import("../client/viewers.js").Left} Left */
var MAX_LEFT = 3;
/** A tip that named thousands would cover the page. */
var MAX_NAMES$1 = 8;
var _sfc_main$6 = {
	__name: "ViewerAvatars",
	props: {
		viewers: {
			type: Array,
			required: true
		},
		/** How many there really are, if they are not all among the viewers. */
		count: {
			type: Number,
			default: void 0
		},
		/** Who left a moment ago: shown grey, never counted. */
		left: {
			type: Array,
			default: () => []
		},
		max: {
			type: Number,
			default: 5
		},
		/** Small, for rows of a list. */
		compact: {
			type: Boolean,
			default: false
		},
		label: {
			type: String,
			default: ""
		},
		/** What people call a field. */
		fieldLabel: {
			type: Function,
			default: void 0
		},
		/** What is said of a viewer; what they do, unless given. */
		describe: {
			type: Function,
			default: void 0
		}
	},
	setup(__props) {
		/**
		* Faces in a row, given their viewers: the part of DocViewers that does not know about rooms.
		*/
		const props = __props;
		const total = computed(() => props.count ?? props.viewers.length);
		const shown = computed(() => {
			const { viewers, max } = props;
			return viewers.slice(0, total.value <= max ? max : max - 1);
		});
		const more = computed(() => Math.max(0, total.value - shown.value.length));
		const moreText = computed(() => {
			const start = shown.value.length;
			const names = props.viewers.slice(start, start + MAX_NAMES$1).map(nameOf);
			const rest = more.value - names.length;
			if (!names.length) return translate("{0} more", formatNumber(rest));
			const list = names.join(", ");
			return rest > 0 ? translate("{0} and {1} more", list, formatNumber(rest)) : list;
		});
		const gone = computed(() => props.left.slice(0, MAX_LEFT));
		const now = useNow(() => gone.value.length > 0);
		/** @param {Viewer} viewer */
		function detail(viewer) {
			return props.describe?.(viewer) ?? activityText(viewer, props.fieldLabel);
		}
		adoptStyles({ presenceStyles });
		return (_ctx, _cache) => {
			return total.value || gone.value.length ? (openBlock(), createElementBlock("div", {
				key: 0,
				class: "pp pp-faces",
				"data-compact": __props.compact ? "" : void 0
			}, [total.value ? (openBlock(), createBlock(TransitionGroup, {
				key: 0,
				tag: "ul",
				name: "pp-viewers",
				class: "pp-viewers",
				"aria-label": __props.label || unref(translate)("Viewing now")
			}, {
				default: withCtx(() => [(openBlock(true), createElementBlock(Fragment, null, renderList(shown.value, (viewer, index) => {
					return openBlock(), createElementBlock("li", {
						key: viewer.user,
						style: normalizeStyle({ "--pp-order": shown.value.length - index })
					}, [createVNode(_sfc_main$3, {
						person: viewer,
						activity: viewer.activity || "viewing",
						detail: detail(viewer)
					}, null, 8, [
						"person",
						"activity",
						"detail"
					])], 4);
				}), 128)), more.value ? (openBlock(), createElementBlock("li", _hoisted_2$7, [createElementVNode("button", {
					type: "button",
					class: "pp-avatar pp-avatar-more",
					onPointerenter: _cache[0] || (_cache[0] = (...args) => unref(placeTip) && unref(placeTip)(...args)),
					onFocus: _cache[1] || (_cache[1] = (...args) => unref(placeTip) && unref(placeTip)(...args))
				}, [createElementVNode("span", _hoisted_3$6, "+" + toDisplayString(unref(formatNumber)(more.value)), 1), createElementVNode("span", _hoisted_4$6, toDisplayString(moreText.value), 1)], 32)])) : createCommentVNode("v-if", true)]),
				_: 1
			}, 8, ["aria-label"])) : createCommentVNode("v-if", true), gone.value.length ? (openBlock(), createBlock(TransitionGroup, {
				key: 1,
				tag: "ul",
				name: "pp-viewers",
				class: "pp-viewers pp-gone",
				"aria-label": unref(translate)("Here a moment ago")
			}, {
				default: withCtx(() => [(openBlock(true), createElementBlock(Fragment, null, renderList(gone.value, (person, index) => {
					return openBlock(), createElementBlock("li", {
						key: person.user,
						style: normalizeStyle({ "--pp-order": gone.value.length - index })
					}, [createVNode(_sfc_main$3, {
						person,
						detail: unref(leftText)(person, unref(now))
					}, null, 8, ["person", "detail"])], 4);
				}), 128))]),
				_: 1
			}, 8, ["aria-label"])) : createCommentVNode("v-if", true)], 8, _hoisted_1$10)) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/components/DocViewers.vue
var _hoisted_1$9 = { class: "pp pp-document" };
var _sfc_main = {
	__name: "DocViewers",
	props: {
		doctype: {
			type: String,
			default: ""
		},
		name: {
			type: String,
			default: ""
		},
		/** Makes this user a viewer, too, while this is on the page. */
		enter: {
			type: Boolean,
			default: false
		},
		/** Typing in it counts as editing. */
		form: {
			type: Object,
			default: null
		},
		max: {
			type: Number,
			default: 5
		},
		/** Small, for rows of a list. */
		compact: {
			type: Boolean,
			default: false
		}
	},
	setup(__props) {
		/**
		* Who has a document open now, as faces; and a warning while several of them edit it.
		*/
		const props = __props;
		const { viewers, count, left, editors } = usePresence(() => props.doctype, () => props.name, {
			enter: () => props.enter,
			form: () => props.form
		});
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("div", _hoisted_1$9, [createVNode(_sfc_main$6, {
				viewers: unref(viewers),
				count: unref(count),
				left: __props.compact ? [] : unref(left),
				max: __props.max,
				compact: __props.compact
			}, null, 8, [
				"viewers",
				"count",
				"left",
				"max",
				"compact"
			]), createVNode(_sfc_main$12, {
				editors: unref(editors),
				compact: __props.compact
			}, null, 8, ["editors", "compact"])]);
		};
	}
};
// ../presence_progress/public/js/client/queryRoom.js
/**
* The room of a live query: how many documents of a DocType this user may see that fit some filters.
*/
/** As the server has it (keys.py). */
var LONGEST = 2e3;
/** @typedef {Record<string, any> | any[]} Filters as Frappe takes them */
/**
* Names the room. Filters that mean the same are spelt the same, so that all who watch them share
* one question.
*
* @param {string} doctype
* @param {Filters | string | null} [filters] an object, a list, or either in JSON
* @returns {{ room: string | null, problem: string | null }} no room if the filters are none
*/
function queryRoom(doctype, filters) {
	let read = filters || {};
	if (typeof read === "string") try {
		read = JSON.parse(read);
	} catch {
		return {
			room: null,
			problem: "not JSON"
		};
	}
	if (typeof read !== "object" || read === null) return {
		room: null,
		problem: "not JSON"
	};
	const room = `query:${doctype}/${JSON.stringify(sorted(read))}`;
	if (room.length > LONGEST) return {
		room: null,
		problem: "too long"
	};
	return {
		room,
		problem: null
	};
}
/** @param {any} value @returns {any} the same, with the keys of each object in order */
function sorted(value) {
	if (Array.isArray(value)) return value.map(sorted);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.keys(value).sort();
	return Object.fromEntries(entries.map((key) => [key, sorted(value[key])]));
}
// ../presence_progress/public/js/composables/useCount.js
/** @type {{ room: string | null, problem: string | null }} */
var NOTHING = {
	room: null,
	problem: null
};
/**
* A count, live: of the documents that this user may see (`doctype` and `filters`), a kept one
* (`scope` and `name`), or the last one that a plain event told (`event`).
*
* A plain event is Frappe's `publish_realtime(event, {"count": n})`: nothing of it survives a
* reload. A kept count does. Documents are counted by Frappe, and anew when some have changed.
*
* @example const { value } = useCount({ doctype: "ToDo", filters: { status: "Open" } });
* @example const { value } = useCount({ scope: "doctype:Airport", name: "total" });
* @param {object} source
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.event]
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.scope]
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.name]
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.doctype]
* @param {import("vue").MaybeRefOrGetter<import("../client/queryRoom.js").Filters | string | null | undefined>} [source.filters]
*   as Frappe takes them, an object or a list, or in JSON; none counts all that the user may see
*/
function useCount({ event, scope, name, doctype, filters }) {
	const { connection } = getClient();
	/** @type {import("vue").ShallowRef<number | null>} */
	const told = shallowRef(null);
	let stop = () => {};
	const named = computed(() => {
		const [of, called, counted] = [
			toValue(scope),
			toValue(name),
			toValue(doctype)
		];
		if (toValue(event)) return NOTHING;
		if (counted) return queryRoom(counted, toValue(filters));
		return of && called ? {
			room: `count:${of}/${called}`,
			problem: null
		} : NOTHING;
	});
	const room = useRoom(() => named.value.room);
	const value = computed(() => {
		if (toValue(event)) return told.value;
		if (!room.loaded.value) return null;
		return numberIn(room.state.value.value) ?? 0;
	});
	watch(() => toValue(event), (called) => {
		stop();
		stop = () => {};
		told.value = null;
		if (!called) return;
		stop = connection.on(called, (message) => {
			told.value = numberIn(message?.count ?? message) ?? told.value;
		});
	}, { immediate: true });
	onScopeDispose(() => stop());
	/** Why there can be no number, if so: a reason of the server's, or "not JSON", "too long". */
	const denied = computed(() => named.value.problem ?? room.denied.value);
	return {
		value,
		stale: room.stale,
		denied
	};
}
/** @param {unknown} value @returns {number | null} */
function numberIn(value) {
	return typeof value === "number" && Number.isFinite(value) ? value : null;
}
// ../presence_progress/public/js/components/LiveCount.vue
var _hoisted_1$8 = ["data-stale", "title"];
var GLIDE_MS = 350;
var _sfc_main$1 = {
	__name: "LiveCount",
	props: {
		/** A plain event that tells the count: `publish_realtime(event, {"count": n})`. */
		event: {
			type: String,
			default: ""
		},
		/** With `name`: a kept count, such as scope `website`, name `visits`. */
		scope: {
			type: String,
			default: ""
		},
		name: {
			type: String,
			default: ""
		},
		/** What is counted: documents of this DocType that the user may see. */
		doctype: {
			type: String,
			default: ""
		},
		/** With `doctype`: only these, as Frappe takes filters; as an attribute, in JSON. */
		filters: {
			type: [
				Object,
				Array,
				String
			],
			default: ""
		},
		/** What is counted. Given, screen readers hear the number change, at most every five seconds. */
		label: {
			type: String,
			default: ""
		}
	},
	emits: ["change"],
	setup(__props, { emit: __emit }) {
		/**
		* A number that follows the truth.
		*
		* It glides to each new value, in well under a second, and always ends on exactly that value.
		*/
		const props = __props;
		const emit = __emit;
		const { value, stale, denied } = useCount({
			event: () => props.event,
			scope: () => props.scope,
			name: () => props.name,
			doctype: () => props.doctype,
			filters: () => props.filters
		});
		const announcer = createAnnouncer();
		/** @type {import("vue").ShallowRef<number | null>} */
		const shown = shallowRef(value.value);
		let frame = 0;
		const mistake = computed(() => {
			if (denied.value === "not JSON") return translate("The filters are neither an object nor a list in JSON.");
			if (denied.value === "too long") return translate("The filters are too long.");
			if (denied.value === "bad filters") return translate("Frappe does not take these filters.");
		});
		const text = computed(() => {
			if (mistake.value) return mistake.value;
			if (denied.value || shown.value === null) return "–";
			return formatNumber(shown.value);
		});
		const hint = computed(() => {
			if (mistake.value) return void 0;
			if (denied.value) return translate("You may not see this number.");
			return stale.value ? translate("Reconnecting. This number may be old.") : void 0;
		});
		/** @param {number} from @param {number} to */
		function glide(from, to) {
			cancelAnimationFrame(frame);
			if (document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches || !Number.isInteger(from) || !Number.isInteger(to)) {
				shown.value = to;
				return;
			}
			const start = performance.now();
			const step = () => {
				const part = Math.min((performance.now() - start) / GLIDE_MS, 1);
				shown.value = Math.round(from + (to - from) * (1 - (1 - part) ** 3));
				if (part < 1) frame = requestAnimationFrame(step);
			};
			step();
		}
		watch(value, (now) => {
			if (now === null || shown.value === null) shown.value = now;
			else glide(shown.value, now);
			if (now === null) return;
			emit("change", now);
			if (props.label) announcer.announce(`${props.label}: ${formatNumber(now)}`);
		});
		onScopeDispose(() => {
			cancelAnimationFrame(frame);
			announcer.stop();
		});
		adoptStyles({ countStyles });
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("span", {
				class: "pp pp-count",
				"data-stale": unref(stale) ? "" : void 0,
				title: hint.value
			}, toDisplayString(text.value), 9, _hoisted_1$8);
		};
	}
};
// ../presence_progress/public/js/composables/useInvisible.js
/**
* Whether this user is invisible to others, everywhere on the site; and a way to change that.
*
* @example const { invisible, setInvisible } = useInvisible();
*/
function useInvisible() {
	const client = getClient().invisible;
	const invisible = ref(client.value);
	const stop = client.onChange((value) => invisible.value = value);
	onScopeDispose(stop);
	return {
		invisible: readonly(invisible),
		/** Asks the site; `invisible` follows when it agrees. @param {boolean} wanted */
		setInvisible: (wanted) => client.ask(wanted)
	};
}
// ../presence_progress/public/js/composables/useOnline.js
/**
* Who is on the site at all; with `countOnly` no more than how many, which more people may know.
*
* Whoever may not know is `denied`, and sees nobody.
*
* @example const { viewers, count } = useOnline();
* @param {object} [options]
* @param {import("vue").MaybeRefOrGetter<boolean>} [options.countOnly]
*/
function useOnline({ countOnly = false } = {}) {
	const { state, loaded, stale, denied } = useRoom(() => toValue(countOnly) ? "online:count" : "online");
	const here = computed(() => readPresence(state.value));
	return {
		viewers: computed(() => here.value.viewers),
		count: computed(() => here.value.count),
		loaded,
		stale,
		denied
	};
}
// ../presence_progress/public/js/components/OnlineUsers.vue
var _hoisted_1$7 = ["aria-label", "data-stale"];
var _hoisted_2$6 = { class: "pp-online-count" };
var _hoisted_3$5 = ["aria-checked", "aria-label"];
var _hoisted_4$5 = {
	viewBox: "0 0 16 16",
	width: "16",
	height: "16",
	"aria-hidden": "true"
};
var _hoisted_5$5 = {
	fill: "none",
	stroke: "currentColor",
	"stroke-width": "1.4",
	"stroke-linecap": "round"
};
var _hoisted_6$4 = {
	key: 0,
	d: "m2.5 13.5 11-11"
};
var _hoisted_7$4 = { class: "pp-tip" };
var _sfc_main$2 = {
	__name: "OnlineUsers",
	props: {
		/** How many, and not who. */
		countOnly: {
			type: Boolean,
			default: false
		},
		max: {
			type: Number,
			default: 5
		}
	},
	setup(__props) {
		/**
		* Who is on the site now; nothing for those who may not know.
		*/
		const props = __props;
		const { viewers, count, loaded, stale, denied } = useOnline({ countOnly: () => props.countOnly });
		const { invisible, setInvisible } = useInvisible();
		const mayHide = computed(() => !props.countOnly && currentUser() !== "Guest");
		const hint = computed(() => invisible.value ? translate("Others do not see you. Show yourself again") : translate("Hide from others"));
		/** @param {import("../client/viewers.js").Viewer} viewer */
		const describe = ({ activity }) => translate(activity === "idle" ? "idle" : "online");
		adoptStyles({ presenceStyles });
		return (_ctx, _cache) => {
			return unref(loaded) && !unref(denied) ? (openBlock(), createElementBlock("div", {
				key: 0,
				class: "pp pp-online",
				role: "group",
				"aria-label": unref(translate)("Online now"),
				"data-stale": unref(stale) ? "" : void 0
			}, [
				!__props.countOnly ? (openBlock(), createBlock(_sfc_main$6, {
					key: 0,
					viewers: unref(viewers),
					count: unref(count),
					max: __props.max,
					label: unref(translate)("Online now"),
					describe
				}, null, 8, [
					"viewers",
					"count",
					"max",
					"label"
				])) : createCommentVNode("v-if", true),
				createElementVNode("span", _hoisted_2$6, [createElementVNode("span", null, toDisplayString(unref(translate)("{0} online", unref(formatNumber)(unref(count)))), 1)]),
				mayHide.value ? (openBlock(), createElementBlock("button", {
					key: 1,
					type: "button",
					role: "switch",
					class: "pp-invisible",
					"aria-checked": unref(invisible),
					"aria-label": unref(translate)("Invisible"),
					onClick: _cache[0] || (_cache[0] = ($event) => unref(setInvisible)(!unref(invisible))),
					onPointerenter: _cache[1] || (_cache[1] = (...args) => unref(placeTip) && unref(placeTip)(...args)),
					onFocus: _cache[2] || (_cache[2] = (...args) => unref(placeTip) && unref(placeTip)(...args))
				}, [(openBlock(), createElementBlock("svg", _hoisted_4$5, [createElementVNode("g", _hoisted_5$5, [
					_cache[3] || (_cache[3] = createElementVNode("path", { d: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z" }, null, -1)),
					_cache[4] || (_cache[4] = createElementVNode("circle", {
						cx: "8",
						cy: "8",
						r: "2"
					}, null, -1)),
					unref(invisible) ? (openBlock(), createElementBlock("path", _hoisted_6$4)) : createCommentVNode("v-if", true)
				])])), createElementVNode("span", _hoisted_7$4, toDisplayString(hint.value), 1)], 40, _hoisted_3$5)) : createCommentVNode("v-if", true)
			], 8, _hoisted_1$7)) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/composables/useConnection.js
/** A blip shorter than this is nobody's business. */
var OFFLINE_AFTER_MS = 2e3;
/**
* The state of the page's connection.
*
* @example const { state, offline } = useConnection();
*/
function useConnection() {
	const { connection } = getClient();
	const state = shallowRef(connection.state);
	const offline = ref(false);
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	function follow() {
		state.value = connection.state;
		clearTimeout(timer);
		if (state.value === "connected") offline.value = false;
		else timer = setTimeout(() => offline.value = true, OFFLINE_AFTER_MS);
	}
	const stop = connection.onState(follow);
	follow();
	onScopeDispose(() => {
		stop();
		clearTimeout(timer);
	});
	return {
		state: readonly(state),
		offline: readonly(offline)
	};
}
// ../presence_progress/public/js/client/taskDetails.js
/**
* What a task's room is too small for, asked for when somebody wants to see it: messages, traceback.
*/
/**
* @typedef {object} TaskDetails
* @property {string} task_id
* @property {{ n: number, level: "warning" | "error", row: number | null, message: string }[]} messages
*   the first and the last 500, with their running number from 0
* @property {string | null} traceback null also for those who may not read it
*/
/** How long an answer may take. */
var ANSWER_MS = 1e4;
/**
* Asks once; rejects when it is refused, when the connection is away, and after ten seconds.
*
* @param {import("./connection.js").Connection} connection
* @param {string} taskId
* @returns {Promise<TaskDetails>}
*/
function askTaskDetails(connection, taskId) {
	return new Promise((resolve, reject) => {
		const stops = [connection.on("task_details", (answer) => {
			if (answer?.task_id !== taskId) return;
			stop();
			const messages = Array.isArray(answer.messages) ? answer.messages : [];
			resolve({
				traceback: null,
				...answer,
				messages
			});
		}), connection.on("room_denied", (message) => {
			if (message?.room !== `task:${taskId}`) return;
			if (REFUSALS$1.has(message.reason) || message.reason === "try again") fail(message.reason);
		})];
		const timer = setTimeout(() => fail("no answer"), ANSWER_MS);
		function stop() {
			clearTimeout(timer);
			stops.forEach((off) => off());
		}
		/** @param {string} reason */
		function fail(reason) {
			stop();
			reject(/* @__PURE__ */ new Error(`The details of task ${taskId}: ${reason}`));
		}
		if (!connection.emit("task_details", taskId)) fail("not connected");
	});
}
// ../presence_progress/public/js/composables/useTask.js
/**
* `stalled`: no word from the worker for a while, which may come back; `lost`: it is gone.
*
* @typedef {"queued" | "running" | "stalled" | "cancelling"
*   | "done" | "failed" | "cancelled" | "lost"} TaskState
*/
/**
* @typedef {object} TaskMessage
* @property {"warning" | "error"} level
* @property {number | null} row
* @property {string} message
*/
/**
* A task as its room holds it; docs/protocol.md names the fields. Times are milliseconds since 1970.
*
* @typedef {object} Task
* @property {string} title
* @property {TaskState} state
* @property {number} attempt
* @property {string | null} stage
* @property {{ name: string, weight: number }[] | null} stages
* @property {number} done
* @property {number | null} total
* @property {boolean} total_grown
* @property {number | null} percent
* @property {number | null} rate steps a second
* @property {number | null} eta seconds
* @property {[number, number] | null} eta_range seconds
* @property {number} ok
* @property {number} warnings
* @property {number} errors
* @property {TaskMessage[]} messages the first 20
* @property {TaskMessage[]} last_messages the last 5 that are not among the first
* @property {string | null} error
* @property {string | null} result
* @property {string | null} user
* @property {string | null} doctype
* @property {string | null} name
* @property {string | null} parent
* @property {{ total: number, done: number, failed: number, left: number } | null} children
* @property {number | null} queued_at
* @property {number | null} started_at
* @property {number | null} ended_at
* @property {number | null} [heard_at] when the worker was last heard of
* @property {string | null} [cancelled_by]
* @property {number | null} [cancelled_at]
* @property {string | null} [retried_by]
* @property {boolean} retryable
* @property {"progress" | "data_import" | "background_task"} [source] of what Frappe itself told
*/
var ENDED = /* @__PURE__ */ new Set([
	"done",
	"failed",
	"cancelled",
	"lost"
]);
/** @param {string | undefined} state */
function isEnded(state) {
	return ENDED.has(state ?? "");
}
/**
* One task, live.
*
* @example const { task, cancel, retry, details } = useTask(() => props.taskId);
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} taskId
*/
function useTask(taskId) {
	const { connection } = getClient();
	const { state, loaded, stale, denied } = useRoom(() => {
		const id = toValue(taskId);
		return id ? `task:${id}` : null;
	});
	/** @type {import("vue").ComputedRef<Task | null>} null while unknown, and when it is gone */
	const task = computed(() => state.value.state ? state.value : null);
	/** @type {import("vue").Ref<"" | "asked" | "refused">} what became of a wish to cancel */
	const cancelling = ref("");
	/** @type {import("vue").Ref<"" | "asked" | "refused">} what became of a wish to start it again */
	const retrying = ref("");
	/** Asks for the end of the task; while the connection is away it does nothing. */
	function cancel() {
		if (connection.emit("task_cancel", toValue(taskId))) cancelling.value = "asked";
	}
	/** Asks for another attempt of a task that has ended; the same task goes on, with its next number. */
	function retry() {
		if (connection.emit("task_retry", toValue(taskId))) retrying.value = "asked";
	}
	/** All messages that are kept, and the traceback; asked for at each call, and rejects on a no. */
	function details() {
		return askTaskDetails(connection, toValue(taskId) ?? "");
	}
	const stop = connection.on("room_denied", (message) => {
		if (message?.room !== `task:${toValue(taskId)}`) return;
		if (message.reason === "may not cancel") cancelling.value = "refused";
		if (message.reason === "may not retry") retrying.value = "refused";
	});
	const stopConnecting = connection.onConnect(forgetAsked);
	function forgetAsked() {
		for (const wish of [cancelling, retrying]) if (wish.value === "asked") wish.value = "";
	}
	watch([
		() => toValue(taskId),
		() => task.value?.state,
		() => task.value?.attempt
	], () => {
		cancelling.value = "";
		retrying.value = "";
	});
	onScopeDispose(() => {
		stop();
		stopConnecting();
	});
	return {
		task,
		loaded,
		stale,
		denied,
		cancel,
		cancelling,
		retry,
		retrying,
		details
	};
}
// ../presence_progress/public/js/components/silence.js
/**
* For how long nothing has been heard of a task's worker.
*/
/**
* Seconds without a word, while the task is stalled; null when nobody knows since when.
*
* @param {() => import("../composables/useTask.js").Task | null} task
*/
function useSilence(task) {
	const now = useNow(() => task()?.state === "stalled", 1e3);
	/** When this page saw it stall. @type {import("vue").ShallowRef<number | null>} */
	const seen = shallowRef(null);
	watch(() => task()?.state, (state, before) => seen.value = state === "stalled" && before ? Date.now() : null, { flush: "sync" });
	return computed(() => {
		const since = task()?.heard_at ?? seen.value;
		return since === null ? null : Math.max(0, now.value - since) / 1e3;
	});
}
// ../presence_progress/public/js/components/taskLooks.js
/**
* What a task lets its watcher do, and how full its bar is.
*/
/** @typedef {import("../composables/useTask.js").Task} Task */
/** The server decides; a button that it would refuse is not shown. @param {Task} task */
function owns({ user }) {
	const me = currentUser();
	return !me || me === user || me === "Administrator";
}
/** @param {Task | null} task */
function mayCancel(task) {
	if (!task || task.source || !owns(task)) return false;
	return [
		"queued",
		"running",
		"stalled"
	].includes(task.state);
}
/** @param {Task | null} task */
function mayRetry(task) {
	if (!task?.retryable || !owns(task)) return false;
	return [
		"failed",
		"cancelled",
		"lost"
	].includes(task.state);
}
/** @param {Task | null} task @returns {number | null} null while nobody knows */
function percentOf(task) {
	if (typeof task?.percent === "number") return Math.min(100, Math.max(0, task.percent));
	return task?.state === "done" ? 100 : null;
}
/**
* Where what came of it is; a link that would run a script is none.
*
* @param {string | null | undefined} result
* @returns {string | undefined}
*/
function resultLink(result) {
	try {
		const { protocol, href } = new URL(result ?? "", window.location.href);
		return result && ["http:", "https:"].includes(protocol) ? href : void 0;
	} catch {
		return;
	}
}
// ../presence_progress/public/js/components/taskText.js
/**
* What a task says of itself, in words.
*/
/** @typedef {import("../composables/useTask.js").Task} Task */
/** A range is told when its ends are this far apart; one number is read more easily. */
var WIDE = {
	ratio: 1.25,
	seconds: 5
};
/** @param {string} state */
function stateText(state) {
	switch (state) {
		case "queued": return translate("Waiting");
		case "running": return translate("Running");
		case "stalled": return translate("Stalled");
		case "cancelling": return translate("Cancelling");
		case "done": return translate("Done");
		case "failed": return translate("Failed");
		case "cancelled": return translate("Cancelled");
		case "lost": return translate("Lost");
		default: return state;
	}
}
/**
* "12,340 of 28,298", "12,340 done" where nobody knows the total, or what the children have come to.
*
* @param {Pick<Task, "done" | "total"> & Partial<Task>} task
*/
function doneText({ done, total, children }) {
	if (children) return childrenText(children);
	if (total === null || total === void 0) return translate("{0} done", formatNumber(done ?? 0));
	return translate("{0} of {1}", formatNumber(done ?? 0), formatNumber(total));
}
/** @param {NonNullable<Task["children"]>} children */
function childrenText({ total, done, failed, left }) {
	return [
		translate("{0} of {1} done", formatNumber(done), formatNumber(total)),
		...failed ? [translate("{0} failed", formatNumber(failed))] : [],
		...left ? [translate("{0} left", formatNumber(left))] : []
	].join(", ");
}
/** How much longer: one number, or two when it is not known well. @param {Partial<Task>} task */
function etaText({ state, eta, eta_range: range }) {
	if (state !== "running" || typeof eta !== "number") return "";
	const [low, high] = range ?? [eta, eta];
	const span = high >= low * WIDE.ratio && high - low >= WIDE.seconds ? formatSpan(low, high) : "";
	return span ? translate("about {0} left", span) : translate("{0} left", formatDuration(eta));
}
/** How fast, how much longer, or how long it took. @param {Task} task @returns {string[]} */
function paceTexts(task) {
	const { state, rate, started_at, ended_at } = task;
	if (state === "running" || state === "cancelling") return [rate ? formatRate(rate) : "", etaText(task)].filter(Boolean);
	if (!started_at || !ended_at) return [];
	const seconds = (ended_at - started_at) / 1e3;
	if (state !== "done") return [translate("after {0}", formatDuration(seconds))];
	if (seconds < 1) return [translate("took less than a second")];
	return [translate("took {0}", formatDuration(seconds))];
}
/**
* What else is worth a word: that there is more to do than was said, that it is not the first attempt.
*
* @param {Task} task
* @returns {string[]}
*/
function asideTexts({ state, attempt, total, total_grown: grown }) {
	return [...grown && state === "running" && typeof total === "number" ? [translate("the total has grown to {0}", formatNumber(total))] : [], ...attempt > 1 ? [attemptText(attempt)] : []];
}
/** @param {number} attempt */
function attemptText(attempt) {
	if (attempt === 2) return translate("2nd attempt");
	return attempt === 3 ? translate("3rd attempt") : translate("attempt {0}", formatNumber(attempt));
}
/** Where it is among the stages that were named beforehand; else its stage. @param {Task} task */
function stageText({ state, stage, stages }) {
	if (!stage || state === "done") return "";
	const at = stages?.findIndex(({ name }) => name === stage) ?? -1;
	if (!stages || at < 0) return stage;
	return translate("{0} of {1}: {2}", formatNumber(at + 1), formatNumber(stages.length), stage);
}
/**
* What has become of it besides its state.
*
* @param {Task} task
* @param {number | null} [silent] seconds without a word from the worker
*/
function noteText({ state, done, total, children, cancelled_by: by }, silent = null) {
	switch (state) {
		case "stalled": return silent === null || silent < 1 ? translate("No word from the worker") : translate("No word from the worker for {0}", formatDuration(silent));
		case "lost": return children ? translate("The worker is gone.") : total === null || total === void 0 ? translate("The worker is gone. It had done {0}.", formatNumber(done ?? 0)) : translate("The worker is gone. It had done {0} of {1}.", formatNumber(done ?? 0), formatNumber(total));
		case "cancelling":
			if (!by) return "";
			return by === currentUser() ? translate("You asked it to stop") : translate("{0} asked it to stop", by);
		case "cancelled":
			if (!by) return "";
			return by === currentUser() ? translate("Cancelled by you") : translate("Cancelled by {0}", by);
		default: return "";
	}
}
/** @param {"warning" | "error"} level @param {number} count */
function issuesText(level, count) {
	const number = formatNumber(count);
	if (level === "error") return count === 1 ? translate("1 error") : translate("{0} errors", number);
	return count === 1 ? translate("1 warning") : translate("{0} warnings", number);
}
/** The whole of it in one sentence, for those who listen. @param {Task} task */
function spokenText(task) {
	const percent = typeof task.percent === "number" ? `${task.percent} %` : "";
	const stage = task.state === "running" ? stageText(task) : "";
	return (task.state === "lost" ? [stateText(task.state), noteText(task)] : [
		stateText(task.state),
		stage,
		percent,
		doneText(task)
	]).filter(Boolean).join(", ");
}
// ../presence_progress/public/js/components/TaskBar.vue
var _hoisted_1$6 = [
	"aria-label",
	"aria-valuenow",
	"aria-valuetext",
	"data-unknown",
	"data-slim"
];
var _sfc_main$11 = {
	__name: "TaskBar",
	props: {
		task: {
			type: Object,
			default: null
		},
		label: {
			type: String,
			default: ""
		},
		slim: {
			type: Boolean,
			default: false
		}
	},
	setup(__props) {
		/**
		* The bar of a task, with a cut where one of its stages ends.
		*/
		const props = __props;
		const percent = computed(() => percentOf(props.task));
		const unknown = computed(() => {
			const { state } = props.task ?? {};
			return Boolean(percent.value === null && state && state !== "queued" && !isEnded(state));
		});
		const cuts = computed(() => {
			const stages = props.task?.stages ?? [];
			const all = stages.reduce((sum, { weight }) => sum + weight, 0);
			let done = 0;
			return stages.slice(0, -1).map(({ weight }) => (done += weight) / all);
		});
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("div", {
				class: "pp-bar",
				role: "progressbar",
				"aria-valuemin": "0",
				"aria-valuemax": "100",
				"aria-label": __props.label,
				"aria-valuenow": percent.value ?? void 0,
				"aria-valuetext": __props.task ? unref(spokenText)(__props.task) : void 0,
				"data-unknown": unknown.value ? "" : void 0,
				"data-slim": __props.slim ? "" : void 0
			}, [
				createCommentVNode(" One of its own while nobody knows: it would shrink from that to the first percent. "),
				(openBlock(), createElementBlock("div", {
					key: String(unknown.value),
					class: "pp-bar-fill",
					style: normalizeStyle(percent.value === null ? void 0 : { inlineSize: `${percent.value}%` })
				}, null, 4)),
				(openBlock(true), createElementBlock(Fragment, null, renderList(cuts.value, (cut, index) => {
					return openBlock(), createElementBlock("span", {
						key: index,
						class: "pp-bar-cut",
						style: normalizeStyle({ insetInlineStart: `${cut * 100}%` })
					}, null, 4);
				}), 128))
			], 8, _hoisted_1$6);
		};
	}
};
// ../presence_progress/public/js/client/csv.js
/**
* A CSV file made in the browser (RFC 4180), safe to open in a spreadsheet.
*/
/** What a spreadsheet takes for a formula: the text of a message may come from anybody's upload. */
var FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u;
/** @param {string | number | null | undefined} value */
function cell(value) {
	if (typeof value === "number") return String(value);
	const text = String(value ?? "");
	const safe = FORMULA.test(text) ? `'${text}` : text;
	return /[",\r\n]/.test(safe) ? `"${safe.replaceAll("\"", "\"\"")}"` : safe;
}
/**
* @param {string[]} header
* @param {(string | number | null | undefined)[][]} rows
*/
function csvText(header, rows) {
	return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
/** Gives the person a file. @param {string} name @param {string} text */
function downloadCsv(name, text) {
	const url = URL.createObjectURL(new Blob(["﻿", text], { type: "text/csv;charset=utf-8" }));
	const link = document.createElement("a");
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 1e4);
}
/** A name that every file system takes. @param {string} title */
function fileName(title) {
	return `${title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80).replace(/^-+|-+$/g, "") || "messages"}.csv`;
}
// ../presence_progress/public/js/components/TaskIssues.vue
var _hoisted_1$5 = {
	key: 0,
	class: "pp-issues"
};
var _hoisted_2$5 = ["data-level"];
var _hoisted_3$4 = ["aria-label"];
var _hoisted_4$4 = ["data-level"];
var _hoisted_5$4 = { class: "pp-message-text" };
var _hoisted_6$3 = {
	key: 0,
	class: "pp-messages-gap"
};
var _hoisted_7$3 = ["data-level"];
var _hoisted_8$3 = { class: "pp-message-text" };
var _hoisted_9$3 = {
	key: 0,
	class: "pp-messages-more"
};
var _hoisted_10$3 = { class: "pp-issues-foot" };
var _hoisted_11$3 = ["disabled"];
var _hoisted_12$2 = { role: "status" };
/** @typedef {() => Promise<import("../client/taskDetails.js").TaskDetails>} Details */
var FIRST_MAX = 20;
/** @type {import("vue").Ref<"" | "asked" | "failed">} */
var _sfc_main$10 = {
	__name: "TaskIssues",
	props: {
		task: {
			type: Object,
			required: true
		},
		details: {
			type: Function,
			required: true
		}
	},
	setup(__props) {
		/**
		* What a task had to say of its rows: how many, the first and the last, and all that is kept as CSV.
		*/
		const props = __props;
		/** However many a room holds, the page does not grow. */
		const fetching = ref("");
		/** How much of it a file holds that does not hold all of it. */
		const holds = ref("");
		const levels = computed(() => ["error", "warning"].map((level) => ({
			level,
			count: props.task[`${level}s`] ?? 0
		})).filter(({ count }) => count > 0));
		const all = computed(() => levels.value.reduce((sum, { count }) => sum + count, 0));
		const first = computed(() => (props.task.messages ?? []).slice(0, FIRST_MAX));
		const last = computed(() => (props.task.last_messages ?? []).slice(-5));
		const hidden = computed(() => Math.max(0, all.value - first.value.length - last.value.length));
		const hiddenText = computed(() => {
			const number = formatNumber(hidden.value);
			return last.value.length ? translate("… {0} more …", number) : translate("and {0} more", number);
		});
		async function download() {
			const { title } = props.task;
			fetching.value = "asked";
			try {
				const { messages } = await props.details();
				const rows = [...messages].sort((a, b) => a.n - b.n);
				downloadCsv(fileName(title || translate("Task")), csvText([
					translate("Row"),
					translate("Level"),
					translate("Message")
				], rows.map(({ row, level, message }) => [
					row,
					level,
					message
				])));
				fetching.value = "";
				holds.value = rows.length < all.value ? translate("{0} of {1} messages are in the file: the first ones and the last ones.", formatNumber(rows.length), formatNumber(all.value)) : "";
			} catch {
				fetching.value = "failed";
			}
		}
		/** @param {import("../composables/useTask.js").TaskMessage} message */
		function placeText({ level, row }) {
			if (typeof row === "number") return translate("Row {0}", formatNumber(row));
			return translate(level === "error" ? "Error" : "Warning");
		}
		watch(all, () => holds.value = "");
		return (_ctx, _cache) => {
			return levels.value.length ? (openBlock(), createElementBlock("details", _hoisted_1$5, [
				createElementVNode("summary", null, [_cache[0] || (_cache[0] = createElementVNode("svg", {
					width: "10",
					height: "10",
					viewBox: "0 0 10 10",
					"aria-hidden": "true"
				}, [createElementVNode("path", {
					d: "M3 1.5 6.5 5 3 8.5",
					fill: "none",
					stroke: "currentColor",
					"stroke-width": "1.5"
				})], -1)), (openBlock(true), createElementBlock(Fragment, null, renderList(levels.value, ({ level, count }) => {
					return openBlock(), createElementBlock("span", {
						key: level,
						"data-level": level
					}, toDisplayString(unref(issuesText)(level, count)), 9, _hoisted_2$5);
				}), 128))]),
				createCommentVNode(" It scrolls: with the keyboard, too. "),
				createElementVNode("ul", {
					class: "pp-messages",
					tabindex: "0",
					"aria-label": unref(translate)("Messages")
				}, [
					(openBlock(true), createElementBlock(Fragment, null, renderList(first.value, (message, index) => {
						return openBlock(), createElementBlock("li", { key: index }, [createElementVNode("span", { "data-level": message.level }, toDisplayString(placeText(message)), 9, _hoisted_4$4), createElementVNode("span", _hoisted_5$4, toDisplayString(message.message), 1)]);
					}), 128)),
					hidden.value && last.value.length ? (openBlock(), createElementBlock("li", _hoisted_6$3, toDisplayString(hiddenText.value), 1)) : createCommentVNode("v-if", true),
					(openBlock(true), createElementBlock(Fragment, null, renderList(last.value, (message, index) => {
						return openBlock(), createElementBlock("li", { key: `last ${index}` }, [createElementVNode("span", { "data-level": message.level }, toDisplayString(placeText(message)), 9, _hoisted_7$3), createElementVNode("span", _hoisted_8$3, toDisplayString(message.message), 1)]);
					}), 128))
				], 8, _hoisted_3$4),
				hidden.value && !last.value.length ? (openBlock(), createElementBlock("p", _hoisted_9$3, toDisplayString(hiddenText.value), 1)) : createCommentVNode("v-if", true),
				createElementVNode("p", _hoisted_10$3, [createElementVNode("button", {
					type: "button",
					class: "pp-button",
					disabled: fetching.value === "asked",
					onClick: download
				}, toDisplayString(unref(translate)("Download CSV")), 9, _hoisted_11$3), createElementVNode("span", _hoisted_12$2, toDisplayString(fetching.value === "failed" ? unref(translate)("The messages could not be fetched. Try again.") : holds.value), 1)])
			])) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/components/TaskStages.vue
var _hoisted_1$4 = ["aria-label"];
var _hoisted_2$4 = ["data-part", "aria-current"];
var _hoisted_3$3 = {
	width: "10",
	height: "10",
	viewBox: "0 0 10 10",
	"aria-hidden": "true"
};
var _hoisted_4$3 = {
	key: 0,
	d: "m1.5 5.3 2.4 2.4 4.6-5.2"
};
var _hoisted_5$3 = ["r"];
var MAX = 8;
var _sfc_main$9 = {
	__name: "TaskStages",
	props: { task: {
		type: Object,
		required: true
	} },
	setup(__props) {
		/**
		* The stages that a task has named beforehand, with the one it is in.
		*/
		const props = __props;
		/** More of them are told by number alone. */
		const stages = computed(() => {
			const all = props.task.stages ?? [];
			if (all.length > MAX) return [];
			const at = all.findIndex(({ name }) => name === props.task.stage);
			const done = props.task.state === "done" ? all.length : at;
			return all.map(({ name }, index) => ({
				name,
				part: index < done ? "done" : index === at ? "now" : "later"
			}));
		});
		return (_ctx, _cache) => {
			return stages.value.length ? (openBlock(), createElementBlock("ol", {
				key: 0,
				class: "pp-stages",
				"aria-label": unref(translate)("Stages")
			}, [(openBlock(true), createElementBlock(Fragment, null, renderList(stages.value, ({ name, part }, index) => {
				return openBlock(), createElementBlock("li", {
					key: index,
					"data-part": part,
					"aria-current": part === "now" ? "step" : void 0
				}, [(openBlock(), createElementBlock("svg", _hoisted_3$3, [part === "done" ? (openBlock(), createElementBlock("path", _hoisted_4$3)) : (openBlock(), createElementBlock("circle", {
					key: 1,
					cx: "5",
					cy: "5",
					r: part === "now" ? 2.5 : 3.2
				}, null, 8, _hoisted_5$3))])), createElementVNode("span", null, toDisplayString(name), 1)], 8, _hoisted_2$4);
			}), 128))], 8, _hoisted_1$4)) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/components/TaskTraceback.vue
var _hoisted_1$3 = ["aria-label"];
var _hoisted_2$3 = {
	key: 1,
	class: "pp-traceback-none",
	role: "status"
};
/** @typedef {() => Promise<import("../client/taskDetails.js").TaskDetails>} Details */
var _sfc_main$8 = {
	__name: "TaskTraceback",
	props: { details: {
		type: Function,
		required: true
	} },
	setup(__props) {
		/**
		* Where in the code a task failed, for those who may know; asked for when it is opened.
		*/
		const props = __props;
		const text = ref(translate("Loading"));
		/** @type {import("vue").Ref<string | null>} */
		const traceback = ref(null);
		let asking = false;
		/** @param {Event} event */
		async function open({ target }) {
			if (!target.open || asking || traceback.value !== null) return;
			asking = true;
			text.value = translate("Loading");
			try {
				traceback.value = (await props.details()).traceback;
				text.value = translate("There is none, or it is not for you to see.");
			} catch {
				text.value = translate("It could not be fetched. Close this and open it again.");
			} finally {
				asking = false;
			}
		}
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("details", {
				class: "pp-issues",
				onToggle: open
			}, [createElementVNode("summary", null, [_cache[0] || (_cache[0] = createElementVNode("svg", {
				width: "10",
				height: "10",
				viewBox: "0 0 10 10",
				"aria-hidden": "true"
			}, [createElementVNode("path", {
				d: "M3 1.5 6.5 5 3 8.5",
				fill: "none",
				stroke: "currentColor",
				"stroke-width": "1.5"
			})], -1)), createElementVNode("span", null, toDisplayString(unref(translate)("Traceback")), 1)]), traceback.value !== null ? (openBlock(), createElementBlock("pre", {
				key: 0,
				class: "pp-traceback",
				role: "region",
				dir: "ltr",
				tabindex: "0",
				"aria-label": unref(translate)("Traceback")
			}, toDisplayString(traceback.value), 9, _hoisted_1$3)) : (openBlock(), createElementBlock("p", _hoisted_2$3, toDisplayString(text.value), 1))], 32);
		};
	}
};
// ../presence_progress/public/js/components/TaskProgress.vue
var _hoisted_1$2 = {
	key: 0,
	class: "pp pp-quiet"
};
var _hoisted_2$2 = [
	"aria-label",
	"aria-busy",
	"data-state",
	"data-stale"
];
var _hoisted_3$2 = { class: "pp-task-head" };
var _hoisted_4$2 = ["title"];
var _hoisted_5$2 = { class: "pp-task-stage" };
var _hoisted_6$2 = {
	key: 0,
	class: "pp-badge"
};
var _hoisted_7$2 = ["href"];
var _hoisted_8$2 = ["disabled"];
var _hoisted_9$2 = ["disabled"];
var _hoisted_10$2 = { class: "pp-task-line" };
var _hoisted_11$2 = { key: 0 };
var _hoisted_12$1 = {
	key: 1,
	class: "pp-task-percent"
};
var _hoisted_13$1 = { key: 1 };
var _hoisted_14$1 = {
	key: 1,
	class: "pp-task-note"
};
var _hoisted_15$1 = {
	key: 2,
	class: "pp-task-error"
};
var _hoisted_16$1 = {
	key: 3,
	class: "pp-task-error",
	role: "alert"
};
var _hoisted_17$1 = {
	key: 4,
	class: "pp-task-error",
	role: "alert"
};
var _hoisted_18$1 = {
	key: 7,
	class: "pp-task-hint"
};
var _sfc_main$4 = {
	__name: "TaskProgress",
	props: {
		taskId: {
			type: String,
			default: ""
		},
		/** Shows the cancel button, to whom the server would let. */
		cancellable: {
			type: Boolean,
			default: true
		}
	},
	emits: ["ended"],
	setup(__props, { emit: __emit }) {
		/**
		* How far a task is, and what came of it.
		*/
		const props = __props;
		const emit = __emit;
		const { task, loaded, denied, cancel, cancelling, retry, retrying, details } = useTask(() => props.taskId);
		const { offline } = useConnection();
		const announcer = createAnnouncer();
		const silence = useSilence(() => task.value);
		const ended = computed(() => isEnded(task.value?.state));
		const title = computed(() => task.value?.title || translate("Task"));
		const percentText = computed(() => typeof task.value?.percent === "number" ? `${formatNumber(percentOf(task.value) ?? 0)} %` : "");
		const note = computed(() => task.value ? noteText(task.value, silence.value) : "");
		const result = computed(() => ended.value ? resultLink(task.value?.result) : void 0);
		/** Nothing can be shown, and this is why. */
		const refusal = computed(() => {
			if (!props.taskId) return translate("No task is named here.");
			if (denied.value) return translate("This task is gone, or you may not see it.");
			return loaded.value && !task.value ? translate("This task is no longer known.") : "";
		});
		watch(() => task.value?.state, (state, before) => {
			if (before && !isEnded(before) && isEnded(state)) emit("ended", state);
		});
		watch(() => task.value && spokenText(task.value), (spoken, before) => {
			if (!spoken || !before) return;
			const key = ended.value ? endKey(props.taskId, task.value?.ended_at) : void 0;
			announcer.announce(`${title.value}: ${spoken}`, {
				now: ended.value,
				once: key
			});
		});
		onScopeDispose(announcer.stop);
		adoptStyles({
			taskHeadStyles,
			taskStyles,
			progressStyles
		});
		return (_ctx, _cache) => {
			return refusal.value ? (openBlock(), createElementBlock("div", _hoisted_1$2, [createElementVNode("p", null, toDisplayString(refusal.value), 1)])) : (openBlock(), createElementBlock("div", {
				key: 1,
				role: "group",
				class: "pp pp-task",
				"aria-label": title.value,
				"aria-busy": !unref(loaded),
				"data-state": unref(task)?.state,
				"data-stale": unref(offline) && !ended.value ? "" : void 0
			}, [
				createElementVNode("div", _hoisted_3$2, [
					createElementVNode("span", {
						class: "pp-task-title",
						title: title.value
					}, toDisplayString(title.value), 9, _hoisted_4$2),
					createElementVNode("span", _hoisted_5$2, toDisplayString(unref(task) && !ended.value ? unref(stageText)(unref(task)) : ""), 1),
					unref(task) ? (openBlock(), createElementBlock("span", _hoisted_6$2, toDisplayString(unref(stateText)(unref(task).state)), 1)) : createCommentVNode("v-if", true),
					result.value ? (openBlock(), createElementBlock("a", {
						key: 1,
						class: "pp-button",
						href: result.value
					}, toDisplayString(unref(translate)("Open result")), 9, _hoisted_7$2)) : createCommentVNode("v-if", true),
					__props.cancellable && unref(mayCancel)(unref(task)) ? (openBlock(), createElementBlock("button", {
						key: 2,
						type: "button",
						class: "pp-button",
						disabled: unref(offline) || unref(cancelling) !== "",
						onClick: _cache[0] || (_cache[0] = (...args) => unref(cancel) && unref(cancel)(...args))
					}, toDisplayString(unref(translate)("Cancel")), 9, _hoisted_8$2)) : createCommentVNode("v-if", true),
					unref(mayRetry)(unref(task)) ? (openBlock(), createElementBlock("button", {
						key: 3,
						type: "button",
						class: "pp-button",
						disabled: unref(offline) || unref(retrying) !== "",
						onClick: _cache[1] || (_cache[1] = (...args) => unref(retry) && unref(retry)(...args))
					}, toDisplayString(unref(translate)("Retry")), 9, _hoisted_9$2)) : createCommentVNode("v-if", true)
				]),
				createVNode(_sfc_main$11, {
					task: unref(task),
					label: title.value
				}, null, 8, ["task", "label"]),
				createElementVNode("div", _hoisted_10$2, [unref(task) ? (openBlock(), createElementBlock(Fragment, { key: 0 }, [
					unref(task).state !== "lost" || unref(task).children ? (openBlock(), createElementBlock("strong", _hoisted_11$2, toDisplayString(unref(doneText)(unref(task))), 1)) : createCommentVNode("v-if", true),
					(openBlock(true), createElementBlock(Fragment, null, renderList(unref(paceTexts)(unref(task)), (text) => {
						return openBlock(), createElementBlock("span", { key: text }, toDisplayString(text), 1);
					}), 128)),
					(openBlock(true), createElementBlock(Fragment, null, renderList(unref(asideTexts)(unref(task)), (text) => {
						return openBlock(), createElementBlock("span", { key: text }, toDisplayString(text), 1);
					}), 128)),
					percentText.value ? (openBlock(), createElementBlock("span", _hoisted_12$1, toDisplayString(percentText.value), 1)) : createCommentVNode("v-if", true)
				], 64)) : (openBlock(), createElementBlock("span", _hoisted_13$1, toDisplayString(unref(translate)("Loading")), 1))]),
				unref(task) ? (openBlock(), createBlock(_sfc_main$9, {
					key: 0,
					task: unref(task)
				}, null, 8, ["task"])) : createCommentVNode("v-if", true),
				note.value ? (openBlock(), createElementBlock("p", _hoisted_14$1, toDisplayString(note.value), 1)) : createCommentVNode("v-if", true),
				unref(task)?.error ? (openBlock(), createElementBlock("p", _hoisted_15$1, toDisplayString(unref(task).error), 1)) : createCommentVNode("v-if", true),
				unref(cancelling) === "refused" ? (openBlock(), createElementBlock("p", _hoisted_16$1, toDisplayString(unref(translate)("Only its owner may cancel this task.")), 1)) : createCommentVNode("v-if", true),
				unref(retrying) === "refused" ? (openBlock(), createElementBlock("p", _hoisted_17$1, toDisplayString(unref(translate)("You may not start this task again.")), 1)) : createCommentVNode("v-if", true),
				unref(task) ? (openBlock(), createBlock(_sfc_main$10, {
					key: 5,
					task: unref(task),
					details: unref(details)
				}, null, 8, ["task", "details"])) : createCommentVNode("v-if", true),
				unref(task)?.state === "failed" && !unref(task).source ? (openBlock(), createBlock(_sfc_main$8, {
					key: unref(task).attempt,
					details: unref(details)
				}, null, 8, ["details"])) : createCommentVNode("v-if", true),
				unref(offline) && !ended.value ? (openBlock(), createElementBlock("p", _hoisted_18$1, toDisplayString(unref(translate)("Connection lost. This is how far it was; trying to reconnect.")), 1)) : createCommentVNode("v-if", true)
			], 8, _hoisted_2$2));
		};
	}
};
// ../presence_progress/public/js/composables/useTaskHistory.js
/**
* @typedef {object} HistoryLine
* @property {string} id
* @property {string} title
* @property {import("./useTask.js").TaskState} state
* @property {string | null} user
* @property {number} attempt
* @property {number} done
* @property {number | null} total
* @property {string | null} error
* @property {string | null} result
* @property {number | null} queued_at
* @property {number | null} started_at
* @property {number | null} ended_at
*/
/** Where a site tells of tasks that have ended long ago. */
var HISTORY_URL = "/api/method/presence_progress.site.tasks.history";
var PAGE = 20;
/** A person looks for something; a page that grows for ever helps nobody. */
var LIMIT = 200;
/**
* The tasks that this user once had, as the site keeps them; nothing is asked before `load()`.
*
* @example const { lines, more, load } = useTaskHistory();
* @param {() => string} [url] an empty one has no history
*/
function useTaskHistory(url = () => HISTORY_URL) {
	/** @type {import("vue").ShallowRef<HistoryLine[]>} */
	const lines = shallowRef([]);
	/** There may be more of it; false also where the site keeps none, or shows none to this user. */
	const more = ref(true);
	const loading = ref(false);
	const failed = ref(false);
	let start = 0;
	/** Brings the next page. */
	async function load() {
		if (loading.value || !more.value) return;
		loading.value = true;
		failed.value = false;
		try {
			take(await fetchPage(url(), start));
		} catch {
			failed.value = true;
		} finally {
			loading.value = false;
		}
	}
	/** @param {any[] | null} page */
	function take(page) {
		if (page === null) {
			more.value = false;
			return;
		}
		start += page.length;
		const known = new Set(lines.value.map(({ id }) => id));
		const fresh = page.map(({ name, ...line }) => ({
			...line,
			id: name
		}));
		lines.value = [...lines.value, ...fresh.filter(({ id }) => !known.has(id))].slice(0, LIMIT);
		more.value = page.length === PAGE && lines.value.length < LIMIT;
	}
	return {
		lines,
		more,
		loading,
		failed,
		load
	};
}
/** @param {string} url @param {number} start @returns {Promise<any[] | null>} null: there is none */
async function fetchPage(url, start) {
	const query = new URLSearchParams({
		start: String(start),
		limit: String(PAGE)
	});
	const answer = await fetch(`${url}?${query}`, { headers: { Accept: "application/json" } });
	if ([
		401,
		403,
		404
	].includes(answer.status)) return null;
	if (!answer.ok) throw new Error(`The history answered ${answer.status}`);
	const { message } = await answer.json();
	return Array.isArray(message) ? message : null;
}
// ../presence_progress/public/js/composables/useTasks.js
/**
* @typedef {object} TaskLine
* @property {string} id
* @property {string} title
* @property {string} state
* @property {string | null} user
* @property {number | null} queued_at
* @property {number | null} ended_at
*/
/**
* The tasks of a user (`ada@example.com`), of a DocType (`doctype:Airport`) or of a document
* (`doc:Airport/LTFM`): running ones, then ends that nobody has seen, then the others; each newest
* first.
*
* What has been seen is known of a user's own tasks alone; elsewhere nothing is unread.
*
* @example const { tasks, unread, markSeen } = useTasks(() => currentUser());
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} scope
*/
function useTasks(scope) {
	const { connection } = getClient();
	const { state, loaded, stale, denied } = useRoom(() => {
		const of = toValue(scope);
		return of ? `tasks:${of}` : null;
	});
	const isOwn = computed(() => !/^doc(type)?:/.test(toValue(scope) ?? ""));
	/** Ends up to then have been seen. */
	const seenAt = computed(() => isOwn.value ? Number(state.value.seen_at) || 0 : Infinity);
	/** @param {{ state: string, ended_at: number | null }} line */
	function isUnread(line) {
		return isEnded(line.state) && (line.ended_at ?? 0) > seenAt.value;
	}
	const tasks = computed(() => {
		return Object.entries(state.value).filter(([, line]) => typeof line?.state === "string").map(([id, line]) => ({
			...line,
			id
		})).sort((a, b) => rank(a) - rank(b) || time(b) - time(a) || (a.id < b.id ? -1 : 1));
	});
	const unread = computed(() => tasks.value.filter(isUnread).length);
	/** @param {TaskLine} line */
	function rank(line) {
		if (!isEnded(line.state)) return 0;
		return isUnread(line) ? 1 : 2;
	}
	/** @param {TaskLine} line */
	const time = (line) => isEnded(line.state) && line.ended_at || line.queued_at || 0;
	/** Says that the ends in the list have been seen, on all pages of the user. */
	function markSeen() {
		const newest = Math.max(...tasks.value.filter(isUnread).map((line) => line.ended_at ?? 0));
		if (newest > 0) connection.emit("tasks_seen", newest);
	}
	return {
		tasks,
		unread,
		isUnread,
		markSeen,
		loaded,
		stale,
		denied
	};
}
// ../presence_progress/public/js/components/TaskRow.vue
var _hoisted_1$1 = [
	"data-state",
	"data-unread",
	"data-stale"
];
var _hoisted_2$1 = { class: "pp-row-head" };
var _hoisted_3$1 = {
	class: "pp-row-mark",
	width: "16",
	height: "16",
	viewBox: "0 0 16 16",
	"aria-hidden": "true"
};
var _hoisted_4$1 = {
	key: 0,
	d: "m5.2 8.2 2 2 3.7-4.3"
};
var _hoisted_5$1 = {
	key: 1,
	d: "M5.4 8h5.2"
};
var _hoisted_6$1 = {
	key: 2,
	d: "M8 4.9v3.6M8 10.9v.1"
};
var _hoisted_7$1 = {
	key: 3,
	d: "M8 5v3.2l2 1.4"
};
var _hoisted_8$1 = {
	key: 4,
	class: "pp-row-dot",
	cx: "8",
	cy: "8",
	r: "2.4"
};
var _hoisted_9$1 = ["title"];
var _hoisted_10$1 = {
	key: 0,
	class: "pp-task-percent"
};
var _hoisted_11$1 = {
	key: 1,
	class: "pp-row-new"
};
var _hoisted_12 = ["href"];
var _hoisted_13 = ["disabled", "aria-label"];
var _hoisted_14 = ["disabled", "aria-label"];
var _hoisted_15 = { class: "pp-row-line" };
var _hoisted_16 = ["title"];
var _hoisted_17 = {
	key: 2,
	class: "pp-row-error",
	role: "alert"
};
var _hoisted_18 = {
	key: 3,
	class: "pp-row-error",
	role: "alert"
};
/** @typedef {import("../composables/useTasks.js").TaskLine} TaskLine */
/** @typedef {import("../composables/useTaskHistory.js").HistoryLine} HistoryLine */
/** @typedef {import("../composables/useTask.js").Task} Task */
var _sfc_main$7 = {
	__name: "TaskRow",
	props: {
		/** What is known without its room. */
		line: {
			type: Object,
			required: true
		},
		/** Watches the room of the task. */
		live: {
			type: Boolean,
			default: false
		},
		unread: {
			type: Boolean,
			default: false
		}
	},
	setup(__props) {
		/**
		* One task in the tray: what the list says of it, and while `live` what its own room says.
		*/
		const props = __props;
		const { task, cancel, cancelling, retry, retrying } = useTask(() => props.live ? props.line.id : null);
		const { offline } = useConnection();
		const silence = useSilence(() => task.value);
		const shown = computed(() => task.value ?? props.line);
		const title = computed(() => shown.value.title || translate("Task"));
		const ended = computed(() => isEnded(shown.value.state));
		const now = useNow(ended);
		const result = computed(() => ended.value ? resultLink(shown.value.result) : void 0);
		const percentText = computed(() => !ended.value && typeof task.value?.percent === "number" ? `${formatNumber(task.value.percent)} %` : "");
		/** A line of the list alone knows nothing of how far it was. */
		const counted = computed(() => typeof shown.value.done === "number");
		const texts = computed(() => {
			const { state, ended_at: endedAt } = shown.value;
			const done = counted.value && state !== "lost" ? doneText(shown.value) : "";
			const note = counted.value ? noteText(shown.value, silence.value) : "";
			if (!ended.value && (state === "queued" || !counted.value)) return [stateText(state)];
			const words = ended.value ? [note || stateText(state), state === "cancelled" ? "" : done] : [
				note || stageText(shown.value),
				done,
				etaText(shown.value)
			];
			const ago = ended.value && endedAt ? formatAgo(endedAt, now.value) : "";
			return [...words, ago].filter(Boolean);
		});
		return (_ctx, _cache) => {
			return openBlock(), createElementBlock("li", {
				class: "pp-row",
				"data-state": shown.value.state,
				"data-unread": __props.unread ? "" : void 0,
				"data-stale": unref(offline) && !ended.value ? "" : void 0
			}, [
				createElementVNode("div", _hoisted_2$1, [
					(openBlock(), createElementBlock("svg", _hoisted_3$1, [_cache[2] || (_cache[2] = createElementVNode("circle", {
						cx: "8",
						cy: "8",
						r: "6.2"
					}, null, -1)), shown.value.state === "done" ? (openBlock(), createElementBlock("path", _hoisted_4$1)) : shown.value.state === "cancelled" ? (openBlock(), createElementBlock("path", _hoisted_5$1)) : ended.value ? (openBlock(), createElementBlock("path", _hoisted_6$1)) : shown.value.state === "queued" ? (openBlock(), createElementBlock("path", _hoisted_7$1)) : (openBlock(), createElementBlock("circle", _hoisted_8$1))])),
					createElementVNode("span", {
						class: "pp-row-title",
						title: title.value
					}, toDisplayString(title.value), 9, _hoisted_9$1),
					percentText.value ? (openBlock(), createElementBlock("span", _hoisted_10$1, toDisplayString(percentText.value), 1)) : createCommentVNode("v-if", true),
					__props.unread ? (openBlock(), createElementBlock("span", _hoisted_11$1, toDisplayString(unref(translate)("New")), 1)) : createCommentVNode("v-if", true),
					result.value ? (openBlock(), createElementBlock("a", {
						key: 2,
						class: "pp-button",
						href: result.value
					}, toDisplayString(unref(translate)("Open result")), 9, _hoisted_12)) : createCommentVNode("v-if", true),
					unref(mayCancel)(unref(task)) ? (openBlock(), createElementBlock("button", {
						key: 3,
						type: "button",
						class: "pp-button",
						disabled: unref(offline) || unref(cancelling) !== "",
						"aria-label": unref(translate)("Cancel {0}", title.value),
						onClick: _cache[0] || (_cache[0] = (...args) => unref(cancel) && unref(cancel)(...args))
					}, toDisplayString(unref(translate)("Cancel")), 9, _hoisted_13)) : createCommentVNode("v-if", true),
					unref(mayRetry)(unref(task)) ? (openBlock(), createElementBlock("button", {
						key: 4,
						type: "button",
						class: "pp-button",
						disabled: unref(offline) || unref(retrying) !== "",
						"aria-label": unref(translate)("Retry {0}", title.value),
						onClick: _cache[1] || (_cache[1] = (...args) => unref(retry) && unref(retry)(...args))
					}, toDisplayString(unref(translate)("Retry")), 9, _hoisted_14)) : createCommentVNode("v-if", true)
				]),
				unref(task) && !ended.value ? (openBlock(), createBlock(_sfc_main$11, {
					key: 0,
					task: unref(task),
					label: title.value,
					slim: ""
				}, null, 8, ["task", "label"])) : createCommentVNode("v-if", true),
				createElementVNode("div", _hoisted_15, [(openBlock(true), createElementBlock(Fragment, null, renderList(texts.value, (text) => {
					return openBlock(), createElementBlock("span", { key: text }, toDisplayString(text), 1);
				}), 128))]),
				shown.value.error ? (openBlock(), createElementBlock("p", {
					key: 1,
					class: "pp-row-error",
					title: shown.value.error
				}, toDisplayString(shown.value.error), 9, _hoisted_16)) : createCommentVNode("v-if", true),
				unref(cancelling) === "refused" ? (openBlock(), createElementBlock("p", _hoisted_17, toDisplayString(unref(translate)("Only its owner may cancel this task.")), 1)) : createCommentVNode("v-if", true),
				unref(retrying) === "refused" ? (openBlock(), createElementBlock("p", _hoisted_18, toDisplayString(unref(translate)("You may not start this task again.")), 1)) : createCommentVNode("v-if", true)
			], 8, _hoisted_1$1);
		};
	}
};
// ../presence_progress/public/js/components/TaskTray.vue
var _hoisted_1 = [
	"aria-expanded",
	"aria-label",
	"data-busy"
];
var _hoisted_2 = ["data-tone"];
var _hoisted_3 = {
	key: 1,
	class: "pp-tray-unread",
	"aria-hidden": "true"
};
var _hoisted_4 = ["aria-label"];
var _hoisted_5 = { class: "pp-tray-title" };
var _hoisted_6 = ["aria-label"];
var _hoisted_7 = {
	key: 0,
	class: "pp-tray-note"
};
var _hoisted_8 = {
	key: 0,
	class: "pp-tray-empty"
};
var _hoisted_9 = {
	key: 1,
	class: "pp-tray-empty"
};
var _hoisted_10 = {
	key: 2,
	class: "pp-tray-note",
	role: "alert"
};
var _hoisted_11 = ["disabled"];
var LIVE_MAX = 10;
var RUNNING_MAX = 50;
var ENDED_FIRST = 10;
var ENDED_MORE = 20;
/** Whoever closes it sooner has not read it. */
var READ_MS = 1e3;
var _sfc_main$5 = {
	__name: "TaskTray",
	props: {
		/** Whose tasks; those of the page's user, unless given. */
		user: {
			type: String,
			default: ""
		},
		/** Where older tasks are asked for; empty shows none. */
		historyUrl: {
			type: String,
			default: HISTORY_URL
		}
	},
	setup(__props) {
		/**
		* A user's tasks behind one button: what runs, what has ended since they last looked, what was.
		*/
		const props = __props;
		/** So many rooms are watched at once, of tasks that run and of tasks that have ended. */
		const user = computed(() => {
			const who = props.user || currentUser();
			return who && who !== "Guest" ? who : null;
		});
		const { tasks, unread, isUnread, markSeen, loaded, denied } = useTasks(user);
		const history = useTaskHistory(() => props.historyUrl);
		const announcer = createAnnouncer();
		const open = ref(false);
		const endedMax = ref(ENDED_FIRST);
		/** What was unread when it was opened stays marked until it is closed. */
		const fresh = shallowRef(/* @__PURE__ */ new Set());
		/** @type {import("vue").Ref<HTMLElement | null>} */
		const root = ref(null);
		/** @type {import("vue").Ref<HTMLElement | null>} */
		const button = ref(null);
		/** @type {import("vue").Ref<HTMLElement | null>} */
		const panel = ref(null);
		const running = computed(() => tasks.value.filter(({ state }) => !isEnded(state)));
		const ended = computed(() => tasks.value.filter(({ state }) => isEnded(state)));
		const recent = computed(() => ended.value.slice(0, endedMax.value));
		const older = computed(() => {
			const known = new Set(tasks.value.map(({ id }) => id));
			return history.lines.value.filter(({ id }) => !known.has(id));
		});
		const sections = computed(() => [
			{
				key: "running",
				title: translate("Running"),
				lines: running.value.slice(0, RUNNING_MAX),
				more: Math.max(0, running.value.length - RUNNING_MAX)
			},
			{
				key: "ended",
				title: translate("Ended"),
				lines: recent.value,
				more: 0
			},
			{
				key: "older",
				title: translate("Older"),
				lines: older.value,
				more: 0
			}
		].filter(({ lines }) => lines.length));
		/** The site tells whoever asks of their own past; nothing of another user's. */
		const hasHistory = computed(() => props.historyUrl !== "" && [void 0, user.value].includes(currentUser()));
		const hasMore = computed(() => ended.value.length > recent.value.length || hasHistory.value && history.more.value);
		/** The worst of what has ended unread gives the badge its colour. */
		const tone = computed(() => {
			if (running.value.length) return "running";
			return tasks.value.some((line) => isUnread(line) && ["failed", "lost"].includes(line.state)) ? "failed" : "done";
		});
		const badge = computed(() => {
			const number = running.value.length || unread.value;
			return number > 99 ? "99+" : number ? formatNumber(number) : "";
		});
		const label = computed(() => [
			translate("Tasks"),
			running.value.length ? translate("{0} running", formatNumber(running.value.length)) : "",
			unread.value ? translate("{0} new", formatNumber(unread.value)) : ""
		].filter(Boolean).join(", "));
		async function show() {
			open.value = true;
			await nextTick();
			if (panel.value) keepInWindow(panel.value);
			panel.value?.focus({ preventScroll: true });
		}
		/** @param {{ refocus?: boolean }} [options] */
		function close({ refocus = false } = {}) {
			if (!open.value) return;
			open.value = false;
			endedMax.value = ENDED_FIRST;
			fresh.value = /* @__PURE__ */ new Set();
			if (refocus) button.value?.focus();
		}
		/** @param {KeyboardEvent} event */
		function onKey(event) {
			if (event.key !== "Escape") return;
			event.stopPropagation();
			close({ refocus: true });
		}
		/** @param {Event} event */
		function onPointer(event) {
			if (root.value && !event.composedPath().includes(root.value)) close();
		}
		/** @param {FocusEvent} event */
		function onFocusOut({ relatedTarget }) {
			if (relatedTarget && !root.value?.contains(relatedTarget)) close();
		}
		function showOlder() {
			if (ended.value.length > recent.value.length) endedMax.value += ENDED_MORE;
			else history.load();
		}
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		function readSoon() {
			clearTimeout(timer);
			timer = setTimeout(() => {
				if (!open.value || !unread.value) return;
				if (document.hidden) readSoon();
				else markSeen();
			}, READ_MS);
		}
		watch([open, unread], () => {
			if (!open.value) return;
			const now = tasks.value.filter(isUnread).map(({ id }) => id);
			fresh.value = /* @__PURE__ */ new Set([...fresh.value, ...now]);
			if (now.length) readSoon();
		});
		/** @type {AbortController | undefined} */
		let listening;
		watch(open, (shown) => {
			listening?.abort();
			if (!shown) return;
			listening = new AbortController();
			const options = {
				signal: listening.signal,
				capture: true
			};
			document.addEventListener("keydown", onKey, options);
			document.addEventListener("pointerdown", onPointer, options);
		});
		/** Tasks that were seen running on this page. @type {Set<string>} */
		const going = /* @__PURE__ */ new Set();
		watch(tasks, (lines) => {
			for (const { id, title, state, ended_at: endedAt } of lines) if (!isEnded(state)) going.add(id);
			else if (going.delete(id)) {
				const text = `${title || translate("Task")}: ${stateText(state)}`;
				announcer.announce(text, {
					now: true,
					once: endKey(id, endedAt)
				});
			}
		});
		watch(user, () => {
			going.clear();
			close();
		});
		onScopeDispose(() => {
			listening?.abort();
			clearTimeout(timer);
			announcer.stop();
		});
		adoptStyles({
			taskStyles,
			trayStyles
		});
		return (_ctx, _cache) => {
			return user.value && !unref(denied) ? (openBlock(), createElementBlock("div", {
				key: 0,
				ref_key: "root",
				ref: root,
				class: "pp pp-tray",
				onFocusout: onFocusOut
			}, [createElementVNode("button", {
				ref_key: "button",
				ref: button,
				type: "button",
				class: "pp-tray-button",
				"aria-haspopup": "dialog",
				"aria-expanded": open.value,
				"aria-label": label.value,
				"data-busy": running.value.length ? "" : void 0,
				onClick: _cache[0] || (_cache[0] = ($event) => open.value ? close() : show())
			}, [
				_cache[1] || (_cache[1] = createElementVNode("svg", {
					viewBox: "0 0 20 20",
					width: "20",
					height: "20",
					"aria-hidden": "true"
				}, [
					createElementVNode("circle", {
						class: "pp-tray-ring",
						cx: "10",
						cy: "10",
						r: "7.25"
					}),
					createElementVNode("path", {
						class: "pp-tray-arc",
						d: "M10 2.75a7.25 7.25 0 0 1 7.25 7.25"
					}),
					createElementVNode("path", {
						class: "pp-tray-check",
						d: "m6.9 10.3 2.2 2.2 4.1-4.8"
					})
				], -1)),
				badge.value ? (openBlock(), createElementBlock("span", {
					key: 0,
					class: "pp-tray-badge",
					"data-tone": tone.value,
					"aria-hidden": "true"
				}, toDisplayString(badge.value), 9, _hoisted_2)) : createCommentVNode("v-if", true),
				running.value.length && unref(unread) ? (openBlock(), createElementBlock("span", _hoisted_3)) : createCommentVNode("v-if", true)
			], 8, _hoisted_1), open.value ? (openBlock(), createElementBlock("div", {
				key: 0,
				ref_key: "panel",
				ref: panel,
				class: "pp-tray-panel",
				role: "dialog",
				tabindex: "-1",
				"aria-label": unref(translate)("Tasks")
			}, [
				(openBlock(true), createElementBlock(Fragment, null, renderList(sections.value, (section) => {
					return openBlock(), createElementBlock("section", { key: section.key }, [
						createElementVNode("h2", _hoisted_5, toDisplayString(section.title), 1),
						createElementVNode("ul", {
							class: "pp-rows",
							"aria-label": section.title
						}, [(openBlock(true), createElementBlock(Fragment, null, renderList(section.lines, (line, index) => {
							return openBlock(), createBlock(_sfc_main$7, {
								key: line.id,
								line,
								live: section.key !== "older" && index < LIVE_MAX,
								unread: unref(isEnded)(line.state) && fresh.value.has(line.id)
							}, null, 8, [
								"line",
								"live",
								"unread"
							]);
						}), 128))], 8, _hoisted_6),
						section.more ? (openBlock(), createElementBlock("p", _hoisted_7, toDisplayString(unref(translate)("and {0} more", unref(formatNumber)(section.more))), 1)) : createCommentVNode("v-if", true)
					]);
				}), 128)),
				!unref(loaded) ? (openBlock(), createElementBlock("p", _hoisted_8, toDisplayString(unref(translate)("Loading")), 1)) : !sections.value.length ? (openBlock(), createElementBlock("p", _hoisted_9, toDisplayString(unref(translate)("Nothing runs, and nothing has ended lately.")), 1)) : createCommentVNode("v-if", true),
				unref(history).failed.value ? (openBlock(), createElementBlock("p", _hoisted_10, toDisplayString(unref(translate)("Older tasks could not be fetched. Try again.")), 1)) : createCommentVNode("v-if", true),
				unref(loaded) && hasMore.value ? (openBlock(), createElementBlock("button", {
					key: 3,
					type: "button",
					class: "pp-tray-more",
					disabled: unref(history).loading.value,
					onClick: showOlder
				}, toDisplayString(unref(translate)("Show older")), 9, _hoisted_11)) : createCommentVNode("v-if", true)
			], 8, _hoisted_4)) : createCommentVNode("v-if", true)], 544)) : createCommentVNode("v-if", true);
		};
	}
};
// ../presence_progress/public/js/client/presenceList.js
/**
* Who is in which row of a list: one question for all rows of a DocType that are on screen.
*
* Several lists of one DocType on a page are one for the server, since each `presence_list` replaces
* the one before. The rooms themselves are those of rooms.js, shared with whoever watches one alone.
*/
/** A list that is drawn again, or scrolled, settles first. */
var SETTLE_MS = 100;
/** As many as the server takes. */
var MAX_NAMES = 500;
/**
* What one list is told: the state of a row's room, or null when the row is shown no more.
*
* @typedef {(name: string, state: import("./room.js").State | null) => void} RowListener
*/
/** @typedef {{ show: (names: Iterable<string>) => void, stop: () => void }} PresenceList */
addClientPart("presenceList", ({ connection, rooms }) => createPresenceLists(connection, rooms));
/**
* @param {import("./connection.js").Connection} connection
* @param {ReturnType<typeof import("./rooms.js").createRooms>} rooms
*/
function createPresenceLists(connection, rooms) {
	/** @type {Map<string, ReturnType<typeof createDoctypeList>>} */
	const lists = /* @__PURE__ */ new Map();
	connection.onConnect(() => lists.forEach((list) => list.say()));
	connection.on("room_denied", (message) => {
		const [kind, doctype] = String(message?.room).split(/:(.*)/s);
		if (kind === "presence") lists.get(doctype)?.onDenied(message.reason);
	});
	/**
	* Shows who is in which document of a DocType.
	*
	* @param {string} doctype
	* @param {RowListener} listener
	* @returns {PresenceList} `show` takes all names that are on screen
	*/
	return function presenceList(doctype, listener) {
		let list = lists.get(doctype);
		if (!list) lists.set(doctype, list = createDoctypeList(connection, rooms, doctype));
		return list.open(listener);
	};
}
/**
* The lists of one DocType on this page, as the one that the server knows.
*
* @param {import("./connection.js").Connection} connection
* @param {ReturnType<typeof import("./rooms.js").createRooms>} rooms
* @param {string} doctype
*/
function createDoctypeList(connection, rooms, doctype) {
	/** @type {Set<{ wanted: Set<string>, watchOnly: (names: Set<string>) => void }>} */
	const holders = /* @__PURE__ */ new Set();
	const backoff = createBackoff({
		first: 1e3,
		limit: 3e4
	});
	/** What the server was told, or will be on connect. @type {Set<string>} */
	let named = /* @__PURE__ */ new Set();
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let retry;
	function send() {
		clearTimeout(retry);
		connection.emit("presence_list", {
			doctype,
			names: [...named]
		});
	}
	function settle() {
		const all = [...holders].flatMap(({ wanted }) => [...wanted]);
		const now = new Set([...new Set(all)].slice(0, MAX_NAMES));
		const same = now.size === named.size && [...now].every((name) => named.has(name));
		named = now;
		holders.forEach((holder) => holder.watchOnly(named));
		if (!same) send();
	}
	function settleSoon() {
		clearTimeout(timer);
		timer = setTimeout(settle, SETTLE_MS);
	}
	return {
		say() {
			if (named.size) send();
		},
		/** @param {string} reason */
		onDenied(reason) {
			if (reason === "try again") {
				clearTimeout(retry);
				retry = setTimeout(send, backoff.next());
			} else if (REFUSALS$1.has(reason)) for (const name of named) rooms.deny(`presence:${doctype}/${name}`, reason);
		},
		/** @param {RowListener} listener @returns {PresenceList} */
		open(listener) {
			/** @type {Map<string, () => void>} */
			const watched = /* @__PURE__ */ new Map();
			const holder = {
				/** @type {Set<string>} */
				wanted: /* @__PURE__ */ new Set(),
				/** @param {Set<string>} names */
				watchOnly(names) {
					for (const [name, stop] of watched) {
						if (holder.wanted.has(name) && names.has(name)) continue;
						stop();
						watched.delete(name);
						listener(name, null);
					}
					for (const name of holder.wanted) {
						if (watched.has(name) || !names.has(name)) continue;
						watched.set(name, watchRow(name, listener));
					}
				}
			};
			holders.add(holder);
			return {
				show(names) {
					holder.wanted = new Set(names);
					settleSoon();
				},
				stop() {
					if (!holders.delete(holder)) return;
					holder.wanted = /* @__PURE__ */ new Set();
					holder.watchOnly(holder.wanted);
					settleSoon();
				}
			};
		}
	};
	/** @param {string} name @param {RowListener} listener */
	function watchRow(name, listener) {
		/** @type {import("./room.js").State | undefined} */
		let shown;
		return rooms.watch(`presence:${doctype}/${name}`, ({ state }) => {
			if (state !== shown) listener(name, shown = state);
		}, { listed: true });
	}
}
// ../presence_progress/public/js/composables/usePresenceList.js
/**
* Who is in which document of a list: name → viewers, for the rows that are on screen.
*
* @example
* const here = usePresenceList("Airport", () => rows.value.map((row) => row.name));
* here.get("LTFM")?.count;
*
* @param {import("vue").MaybeRefOrGetter<string | null | undefined>} doctype
* @param {import("vue").MaybeRefOrGetter<string[]>} names 500 at most; of rows that this user may
*   not read nothing is said
* @returns {Map<string, import("../client/viewers.js").Here>} reactive
*/
function usePresenceList(doctype, names) {
	const { presenceList } = getClient();
	/** @type {Map<string, import("../client/viewers.js").Here>} */
	const here = shallowReactive(/* @__PURE__ */ new Map());
	/** @type {import("../client/presenceList.js").PresenceList | undefined} */
	let list;
	watch(() => toValue(doctype), (type) => {
		list?.stop();
		here.clear();
		list = type ? presenceList(type, (name, state) => {
			if (state) here.set(name, readPresence(state));
			else here.delete(name);
		}) : void 0;
		list?.show(toValue(names));
	}, { immediate: true });
	watch(() => [...toValue(names)], (now) => list?.show(now));
	onScopeDispose(() => list?.stop());
	return here;
}
export { _sfc_main as DocViewers, _sfc_main$1 as LiveCount, _sfc_main$2 as OnlineUsers, _sfc_main$3 as PersonAvatar, _sfc_main$4 as TaskProgress, _sfc_main$5 as TaskTray, _sfc_main$6 as ViewerAvatars, getClient, isEnded, useConnection, useCount, useInvisible, useNow, useOnline, usePresence, usePresenceList, useRoom, useTask, useTaskHistory, useTasks };
