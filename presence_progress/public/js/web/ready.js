/**
 * Keeps an error in one `frappe.ready` callback from being the end of all later ones, which it is on
 * Frappe's web pages: they are run in one bare loop.
 *
 * Frappe's own function still runs them, or whoever's stands in its place. The error is as loud as it
 * was: nobody catches it, it only comes a moment later.
 */

/** @typedef {() => unknown} Callback */

/** What was made harmless already; a page may be made ready more than once. @type {WeakSet<Callback>} */
const harmless = new WeakSet();

export function isolateReadyCallbacks() {
  const { frappe } = /** @type {any} */ (window);
  const trigger = frappe?.trigger_ready;
  if (typeof trigger !== "function") return;

  frappe.trigger_ready = function (/** @type {any[]} */ ...args) {
    // In the list itself, which others may hold.
    const callbacks = /** @type {Callback[]} */ (frappe.ready_events ?? []);
    callbacks.forEach((callback, index) => (callbacks[index] = isolated(callback)));
    return trigger.apply(this, args);
  };
}

/** @param {Callback} callback @returns {Callback} */
function isolated(callback) {
  if (harmless.has(callback)) return callback;
  const wrapper = () => {
    try {
      return callback();
    } catch (error) {
      setTimeout(() => {
        throw error;
      });
    }
  };
  harmless.add(wrapper);
  return wrapper;
}
