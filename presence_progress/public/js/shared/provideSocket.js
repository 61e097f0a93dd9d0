/**
 * Brings socket.io's client onto a page that has no `frappe.realtime`. Not by the bare name, which
 * means shared/socket.js here.
 */
import { io } from "socket.io-client/dist/socket.io.esm.min.js";

/** @type {any} */ (window)[Symbol.for("presence_progress.io")] ??= io;
