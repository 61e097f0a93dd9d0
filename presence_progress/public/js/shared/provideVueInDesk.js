/**
 * The same for Desk, with what of Vue web pages can do without.
 */
import { Teleport } from "vue/dist/vue.runtime.esm-browser.prod.js";
import * as Vue from "./usedVue.js";

/** @type {any} */ (window)[Symbol.for("presence_progress.vue")] ??= { ...Vue, Teleport };
