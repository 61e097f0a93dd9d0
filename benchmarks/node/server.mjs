/**
 * What our server is measured against: socket.io for Node, doing what Frappe's realtime server does.
 *
 *     node server.mjs --port 9000 --redis redis://127.0.0.1:6379 --site-url http://127.0.0.1:8000
 *
 * Frappe's asks the site at every connection and at every permission. This one believes each answer
 * for ever, as ours does for a while: what is compared is the servers, not the site.
 */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

// The packages are the frontend's, which does not lie on the way up from here.
const require = createRequire(new URL("../../frontend/package.json", import.meta.url));
const { createClient } = require("@redis/client");
const { Server } = require("socket.io");

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "9000" },
    redis: { type: "string", default: "redis://127.0.0.1:6379" },
    "site-url": { type: "string", default: "http://127.0.0.1:8000" },
    site: { type: "string", default: "bench.localhost" },
  },
});

let isListening = false;
const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" && isListening ? 200 : 503).end();
});
const io = new Server(http, {
  cors: { origin: true, credentials: true },
  cleanupEmptyChildNamespaces: true,
});
const sites = io.of(/^\/.*$/);

// --- who is it, and what may he read ---

const answers = new Map();

function ask(site, cookie, method, parameters = {}) {
  const path = `${method}?${new URLSearchParams(parameters)}`;
  const key = `${site} ${cookie} ${path}`;
  if (!answers.has(key)) {
    const url = `${options["site-url"]}/api/method/frappe.realtime.${path}`;
    const answer = fetch(url, { headers: { Cookie: cookie, "X-Frappe-Site-Name": site } })
      .then((response) => response.json())
      .then(({ message }) => message);
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
  }
  return answers.get(key);
}

const ignore = () => {};
const hostname = (url = "") => url.replace(/^.*:\/\//, "").replace(/[:/].*$/, "");

sites.use((socket, next) => {
  const { host, origin, cookie } = socket.request.headers;
  const isLocal = ["localhost", "127.0.0.1"].includes(hostname(host));
  if (socket.nsp.name !== `/${isLocal ? options.site : hostname(origin)}`) {
    next(new Error("Invalid namespace"));
  } else if (hostname(host) !== hostname(origin)) {
    next(new Error("Invalid origin"));
  } else if (!/(^|; *)sid=/.test(cookie ?? "")) {
    next(new Error("No cookie transmitted."));
  } else {
    ask(socket.nsp.name.slice(1), cookie, "get_user_info").then(
      ({ user, user_type }) => {
        socket.data = { cookie, user, isSystemUser: user_type === "System User" };
        next();
      },
      (error) => next(new Error(`Unauthorized: ${error}`)),
    );
  }
});

// --- rooms ---

sites.on("connection", (socket) => {
  const { cookie, user, isSystemUser } = socket.data;
  const site = socket.nsp.name.slice(1);
  socket.join(`user:${user}`);
  socket.join("website");
  if (isSystemUser) {
    socket.join("all");
  }
  const ifPermitted = (doctype, name, then) =>
    ask(site, cookie, "has_permission", { doctype, name }).then((is) => is && then(), ignore);

  socket.on("ping", () => socket.emit("pong"));
  socket.on("doc_subscribe", (doctype, name) =>
    ifPermitted(doctype, name, () => socket.join(`doc:${doctype}/${name}`)),
  );
  socket.on("doc_unsubscribe", (doctype, name) => socket.leave(`doc:${doctype}/${name}`));
  socket.on("task_subscribe", (task) => socket.join(`task_progress:${task}`));
  socket.on("task_unsubscribe", (task) => socket.leave(`task_progress:${task}`));
  socket.on("doc_open", (doctype, name) =>
    ifPermitted(doctype, name, () => {
      socket.join(`open_doc:${doctype}/${name}`);
      tellViewers(socket, doctype, name);
    }),
  );
  socket.on("doc_close", (doctype, name) => {
    socket.leave(`open_doc:${doctype}/${name}`);
    tellViewers(socket, doctype, name);
  });
  // Frappe has none such: so that the tasks of presence_progress reach this server's clients, too.
  socket.on("room_watch", (room) => socket.join(room));
});

/** As Frappe's does: it looks for the viewers of one document among all sockets of the site. */
function tellViewers(socket, doctype, docname) {
  const room = `open_doc:${doctype}/${docname}`;
  const ids = Array.from(socket.nsp.adapter.rooms.get(room) ?? []);
  const users = [];
  for (const other of socket.nsp.sockets.values()) {
    if (ids.includes(other.id)) {
      users.push(other.data.user);
    }
  }
  if (users.length === 1 && users[0] === socket.data.user) {
    return;
  }
  const viewers = { doctype, docname, users: [...new Set(users)] };
  socket.nsp.to(room).emit("doc_viewers", viewers);
}

// --- Redis ---

const redis = createClient({ url: options.redis });
await redis.connect();
await redis.subscribe("events", (text) => {
  const { event, message, room, namespace } = JSON.parse(text);
  if (room) {
    io.of(`/${namespace}`).to(room).emit(event, message);
  } else {
    sites.emit(event, message);
  }
});
isListening = true;

// Its memory is measured at its best: without what the collector would free some time.
process.on("SIGUSR2", () => globalThis.gc?.());
http.listen(Number(options.port), "127.0.0.1", 2048);
