/**
 * Who is in a document, in the head of its form: in the place of Frappe's own viewers.
 *
 * Frappe's class is extended and not only replaced: under Frappe's own realtime server, it goes on
 * drawing what that one knows. Without its way of listening, though, which takes away another
 * listener of the page with each DocType whose form is made.
 */
import { createApp, shallowReactive, watch } from "vue";
import { documentOf } from "./current.js";
import { mirrorForm } from "./fields.js";
import FormPresence from "./FormPresence.vue";
import { desk, onMove, safely } from "./page.js";
import { deskClient } from "./realtime.js";

/**
 * What a form tells its Vue component; reactive.
 *
 * @typedef {object} FormState
 * @property {string} doctype
 * @property {string} name empty while it shows no document
 * @property {EventTarget | null} form
 */

/** Puts our viewers into every form that Desk makes from now on. */
export function replaceViewers() {
  const { form: forms } = desk().ui;
  /** @type {Set<any>} */
  const made = new Set();
  const lookSoon = onMove(() => made.forEach((viewers) => viewers.look()));

  forms.FormViewers = class DeskViewers extends forms.FormViewers {
    /** @param {{ frm: any, parent: any }} options as Frappe makes it; both stay what they are there */
    constructor(options) {
      super(options);
      safely(() => this.mount());
    }

    mount() {
      const { server } = deskClient();
      const { target, type } = mirrorForm(this.frm.layout_main);
      /** @type {FormState} */
      this.state = shallowReactive({ doctype: this.frm.doctype, name: "", form: target });

      // Frappe empties `parent` when it goes on to another document: ours stands beside it.
      const place = document.createElement("div");
      place.className = "pp-desk-viewers";
      this.parent.before(place);
      createApp(FormPresence, { state: this.state, server }).mount(place);

      this.frm.$wrapper.on("dirty", () => {
        // A script may change a document that is only being looked at.
        if (navigator.userActivation?.isActive ?? true) type();
      });
      watch(server, () => this.refresh());
      made.add(this);
      lookSoon();
    }

    setup_events() {
      desk().realtime.on("doc_viewers", (/** @type {any} */ data) => {
        if (deskClient().server.value !== "ours") this.update_users(data);
      });
    }

    refresh() {
      if (deskClient().server.value === "stock") super.refresh();
      else this.parent.empty();
      lookSoon();
    }

    look() {
      const open = documentOf(this.frm);
      if (this.state) this.state.name = open?.name ?? "";
    }
  };
}
