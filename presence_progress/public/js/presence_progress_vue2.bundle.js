/** All of Vue, with its compiler, for pages that say `new Vue({ el, data, … })`. */
import * as Vue3 from "vue/dist/vue.esm-browser.prod.js";
import { createVue } from "./web/vue2.js";

/** @type {any} */ (window)[Symbol.for("presence_progress.vue2")] ??= createVue(Vue3);
