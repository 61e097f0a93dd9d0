/**
 * Desk's page, as far as we touch it. Its globals are read when they are needed: they come and go
 * with forms and lists.
 */

/** @returns {any} */
export function desk() {
  return /** @type {any} */ (window).frappe;
}

/** Of several pages in the document Desk shows one. @param {Element | null | undefined} element */
export function isShown(element) {
  return Boolean(element?.isConnected && element.getClientRects().length);
}

/**
 * Runs something of ours inside Desk's own code, which goes on whatever becomes of it.
 *
 * @param {() => void} run
 */
export function safely(run) {
  try {
    run();
  } catch (error) {
    window.reportError?.(error);
  }
}

/**
 * Lets something of ours run after a method of Desk's, every time, with its object and its result.
 *
 * @param {any} prototype
 * @param {string} method
 * @param {(object: any, result: any) => void} run
 */
export function after(prototype, method, run) {
  const stock = prototype?.[method];
  if (typeof stock !== "function") return;
  prototype[method] = function (/** @type {any[]} */ ...args) {
    const result = stock.apply(this, args);
    safely(() => run(this, result));
    return result;
  };
}

/** Several events tell of one move through Desk, some of them before the page has changed. */
const SETTLE_MS = 50;
const MOVES = "form-load form-refresh form-rename form-unload save page-change";

/**
 * Runs `look` after each move: another document, another page, a save, a new name.
 *
 * @param {() => void} look
 * @returns {() => void} looks soon, for a move that Desk does not tell of
 */
export function onMove(look) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => safely(look), SETTLE_MS);
  };
  /** @type {any} */ (window).$(document).on(MOVES, soon);
  desk().router?.on?.("change", soon);
  return soon;
}
