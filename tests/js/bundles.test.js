// @vitest-environment node
import { readFileSync, readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { here } from "../../frontend/resolve.js";

const folder = here("../presence_progress/public/js/");
const read = (/** @type {string} */ file) => readFileSync(folder + file, "utf8");

/** They come after presence_progress_vue, or use nothing of Vue's, or bring all of it. */
const NEEDS_NO_VUE = ["counts", "presence", "task", "tray", "web", "vue2"];

const bundles = readdirSync(folder)
  .filter((file) => file.endsWith(".bundle.js"))
  .filter((file) => !NEEDS_NO_VUE.some((name) => file === `presence_progress_${name}.bundle.js`));

it.each(bundles)("%s brings Vue before anything that uses it", (file) => {
  const [first] = read(file).match(/^import .*$/m) ?? [];
  const provider = file.includes("desk") ? "provideVueInDesk" : "provideVue";
  expect(first).toBe(`import "./shared/${provider}.js";`);
});

it("what is brought of Vue is what is used of it", () => {
  const names = (/** @type {string} */ file) => read(file).match(/^ {2}\w+,$/gm);
  const shared = names("shared/vue.js")?.filter((name) => name !== "  Teleport,");
  expect(names("shared/usedVue.js")).toEqual(shared);
});
