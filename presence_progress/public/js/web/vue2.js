/**
 * `new Vue({ el, data, … })`, answered by Vue 3.
 */

/**
 * Makes a `Vue` that is a constructor in the manner of Vue 2 and holds all that Vue 3 exports.
 *
 * @param {typeof import("vue")} Vue3
 */
export function createVue(Vue3) {
  /** @type {Map<string, any>} */
  const registered = new Map();

  /**
   * @this {any}
   * @param {Record<string, any>} [options]
   */
  function Vue({ el, data, ...options } = {}) {
    // Vue 2 let the root's data be an object; Vue 3 wants a function.
    const dataFunction = data && typeof data !== "function" ? () => data : data;
    const app = Vue3.createApp({ ...options, ...(data ? { data: dataFunction } : {}) });
    for (const [name, component] of registered) app.component(name, component);
    if (el) return mount(app, el);
    // Without `el`, Vue 2 waited for `$mount`.
    return { $mount: (/** @type {string | Element} */ target) => mount(app, target) };
  }

  const component = (/** @type {string} */ name, /** @type {any} */ definition) => {
    registered.set(name, definition);
    return definition;
  };
  return Object.assign(Vue, { ...Vue3, component });
}

/**
 * @param {import("vue").App} app
 * @param {string | Element} target
 * @returns {any} the instance, with the methods that a root had
 */
function mount(app, target) {
  const root = /** @type {any} */ (app.mount(/** @type {any} */ (target)));
  app.config.globalProperties.$destroy = () => app.unmount();
  return root;
}
