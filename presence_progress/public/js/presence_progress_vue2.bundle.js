/** All of Vue, with its compiler, for pages that say `new Vue({ el, data, … })`. */
import * as Vue3 from "vue/dist/vue.esm-browser.prod.js";
import { createVue } from "./web/vue2.js";

const page = /** @type {any} */ (window);
page[Symbol.for("presence_progress.vue2")] ??= createVue(Vue3);
// For a page that asks for this file itself.
if (!page.Vue || page.Vue.isStandIn) page.Vue = page[Symbol.for("presence_progress.vue2")];
