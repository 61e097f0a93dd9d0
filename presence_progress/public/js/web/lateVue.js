/**
 * A `Vue` for pages written for Frappe v13 and before, which had one: `new Vue({ el, data, … })`.
 *
 * Vue's compiler is as large as all the rest, so it is loaded when a page first asks. Until then a
 * stand-in keeps what the page has said, and hands it over.
 */
import { load } from "./assets.js";

const BUNDLE = "presence_progress_vue2";

export function offerVue() {
  const page = /** @type {any} */ (window);
  // The page, or another app, has brought one.
  if (page.Vue) return;

  /** @type {[string, any][]} */
  const components = [];

  /**
   * @this {any}
   * @param {Record<string, any>} [options]
   */
  function Vue(options = {}) {
    return lateInstance(options, (target, state) =>
      whenVue(
        (Real) =>
          new Real({ ...options, el: target, ...(options.data ? { data: () => state } : {}) }),
      ),
    );
  }
  Vue.component = (/** @type {string} */ name, /** @type {any} */ definition) => {
    components.push([name, definition]);
    return definition;
  };
  Vue.nextTick = (/** @type {() => void} */ callback) => whenVue((Real) => Real.nextTick(callback));

  /** @param {(Real: any) => any} use */
  async function whenVue(use) {
    await load(BUNDLE);
    const Real = page[Symbol.for("presence_progress.vue2")];
    for (const [name, definition] of components.splice(0)) Real.component(name, definition);
    return use(Real);
  }

  Vue.isStandIn = true;
  page.Vue = Vue;
}

/**
 * Makes an instance that can be used at once: its data is there, its methods are called later.
 *
 * @param {Record<string, any>} options
 * @param {(target: any, state: any) => Promise<any>} mount
 */
function lateInstance({ el, data, methods = {} }, mount) {
  // Vue takes this very object, so what is set on it before is what it starts with.
  const state = (typeof data === "function" ? data() : data) ?? {};
  /** @type {Promise<any>} */
  let mounting = new Promise(() => {});
  /** @type {any} */
  let root;

  const proxy = /** @type {any} */ (
    new Proxy(
      {},
      {
        get(_, key) {
          if (root) return root[key];
          if (key === "$mount") return start;
          if (typeof key !== "string" || !(key in methods || key[0] === "$")) return state[key];
          return (/** @type {any[]} */ ...args) => mounting.then((made) => made[key](...args));
        },
        set(_, key, value) {
          (root ?? state)[key] = value;
          return true;
        },
      },
    )
  );

  function start(/** @type {any} */ target) {
    mounting = mount(target, state).then((made) => (root = made));
    return proxy;
  }
  if (el) start(el);
  return proxy;
}
