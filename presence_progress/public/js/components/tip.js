/**
 * Moves what floats over the page into the window: near an edge it would be cut off.
 */

const MARGIN_PX = 6;

/** For `pointerenter` and `focus`. @param {Event} event */
export function placeTip({ currentTarget }) {
  const tip = /** @type {Element} */ (currentTarget).querySelector(".pp-tip");
  if (!(tip instanceof HTMLElement)) return;
  keepInWindow(tip);
}

/** @param {HTMLElement} element */
export function keepInWindow(element) {
  element.style.translate = "none";
  const { left, right } = element.getBoundingClientRect();
  const overRight = Math.min(0, document.documentElement.clientWidth - MARGIN_PX - right);
  const shift = left < MARGIN_PX ? MARGIN_PX - left : overRight;
  element.style.translate = `${Math.round(shift)}px`;
}
