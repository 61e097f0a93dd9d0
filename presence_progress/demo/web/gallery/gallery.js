/**
 * Every component in every state, for people to look at and for tests; with no server behind it.
 */
import { createApp } from "vue";
import { ADA } from "./people.js";
import { dressPage, readSettings } from "./settings.js";
import "../demo.css";
import "./gallery.css";

const settings = readSettings();
dressPage(settings);

const page = /** @type {any} */ (window);
page.frappe = { session: { user: ADA.user } };
if (settings.lang !== "en") page.__ = await wordsOf(settings.lang);

/** What Frappe's own `__` does, with the language that is shipped. @param {string} language */
async function wordsOf(language) {
  const url = `/api/method/presence_progress.site.languages.messages?language=${language}`;
  const { message: messages } = await (await fetch(url)).json();
  return (
    /** @type {string} */ text,
    /** @type {any[]} */ values = [],
    /** @type {string} */ context = "",
  ) => {
    const found = messages[`${text}:${context}`] ?? messages[text] ?? text;
    return found.replace(/\{(\d+)\}/g, (/** @type {string} */ _, /** @type {string} */ index) =>
      String(values[Number(index)]),
    );
  };
}

// Not before the page has its language: some texts are made when a component is.
const { default: GalleryPage } = await import("./GalleryPage.vue");
createApp(GalleryPage).mount("#app");
