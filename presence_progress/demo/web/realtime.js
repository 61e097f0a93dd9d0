/**
 * `frappe.realtime` as a page of Frappe v15 has it, for the demo's web pages.
 *
 * It connects lazily: a page on which nobody listens opens no socket.
 */
import { io } from "socket.io-client";

export function createRealtime() {
  /** @type {Record<string, Record<string, any>>} */
  const tasks = {};
  let lazy = true;

  const client = {
    /** @type {any} */
    socket: null,
    /** `doctype:name` of what this page has open. @type {Set<string>} */
    open_docs: new Set(),
    open_tasks: tasks,

    /** @param {number | string | undefined} port @param {boolean} [lazyConnect] */
    init(port, lazyConnect = false) {
      if (client.socket) return;
      lazy = lazyConnect;
      const { protocol, hostname, origin } = window.location;
      const { boot } = /** @type {any} */ (window).frappe;
      const server = port ? `${protocol}//${hostname}:${port}` : origin;
      client.socket = io(`${server}/${boot?.sitename ?? hostname}`, {
        withCredentials: true,
        reconnectionAttempts: 3,
        autoConnect: !lazyConnect,
      });
    },
    connect() {
      if (lazy) client.socket?.connect();
      lazy = false;
    },
    /** @param {string} event @param {(...args: any[]) => void} callback */
    on(event, callback) {
      client.connect();
      client.socket?.on(event, callback);
    },
    /** @param {string} event @param {(...args: any[]) => void} [callback] */
    off(event, callback) {
      if (callback) client.socket?.off(event, callback);
      else client.socket?.off(event);
    },
    /** @param {string} event @param {...any} args */
    emit(event, ...args) {
      client.connect();
      client.socket?.emit(event, ...args);
    },
    /** @param {string} event @param {any} message */
    publish(event, message) {
      client.emit(event, message);
    },

    /** @param {string} task @param {Record<string, any>} [options] */
    subscribe(task, options = {}) {
      client.emit("task_subscribe", task);
      client.emit("progress_subscribe", task);
      tasks[task] = options;
    },
    /** @param {string} task */
    task_subscribe: (task) => client.emit("task_subscribe", task),
    /** @param {string} task */
    task_unsubscribe: (task) => client.emit("task_unsubscribe", task),
    /** @param {string} doctype */
    doctype_subscribe: (doctype) => client.emit("doctype_subscribe", doctype),
    /** @param {string} doctype */
    doctype_unsubscribe: (doctype) => client.emit("doctype_unsubscribe", doctype),
    /** @param {string} doctype @param {string} name */
    doc_subscribe: (doctype, name) => client.emit("doc_subscribe", doctype, name),
    /** @param {string} doctype @param {string} name */
    doc_unsubscribe: (doctype, name) => client.emit("doc_unsubscribe", doctype, name),
    /** @param {string} doctype @param {string} name */
    doc_open(doctype, name) {
      client.open_docs.add(`${doctype}:${name}`);
      client.emit("doc_open", doctype, name);
    },
    /** @param {string} doctype @param {string} name */
    doc_close(doctype, name) {
      client.open_docs.delete(`${doctype}:${name}`);
      client.emit("doc_close", doctype, name);
    },
  };
  return client;
}
