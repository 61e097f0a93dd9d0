import { beforeEach, expect, it } from "vitest";
import * as Vue3 from "vue";
import { createVue } from "../../presence_progress/public/js/web/vue2.js";

/** @type {any} */
const Vue = createVue(Vue3);

beforeEach(() => {
  document.body.innerHTML = `<div id="app"><p>Count: <span v-text="count"></span></p></div>`;
});

/** The tests' Vue has no compiler: they bring what it would make of the page. @param {any} h */
const render = (h) => (/** @type {any} */ page) => h.h("p", `Count: ${page.count}`);

it.each([
  ["an object", { count: 0 }],
  ["a function", () => ({ count: 0 })],
])("mounts with data that is %s, and follows it", async (_, data) => {
  const page = new Vue({ el: "#app", data, render: render(Vue) });
  page.count = 41;
  await Vue3.nextTick();
  expect(document.querySelector("#app")?.textContent).toBe("Count: 41");
});

it("passes methods, computed and hooks on", async () => {
  /** @type {any} */
  let seen;
  const page = new Vue({
    el: "#app",
    data: { count: 2 },
    computed: {
      /** @this {any} */
      double() {
        return this.count * 2;
      },
    },
    methods: {
      /** @this {any} */
      add() {
        this.count += 1;
      },
    },
    /** @this {any} */
    mounted() {
      this.add();
      seen = this.double;
    },
    render: render(Vue),
  });
  expect(seen).toBe(6);
  expect(page.double).toBe(6);
});

it("waits for $mount without an el", () => {
  const page = new Vue({ data: { count: 5 }, render: render(Vue) });
  page.$mount("#app");
  expect(document.querySelector("#app")?.textContent).toBe("Count: 5");
});
