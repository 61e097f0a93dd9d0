/**
 * Brings Vue onto the page, once for all our bundles. A bundle that may be the first on its page
 * imports this before all else.
 */
import * as Vue from "./usedVue.js";

/** @type {any} */ (window)[Symbol.for("presence_progress.vue")] ??= Vue;
