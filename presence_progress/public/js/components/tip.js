/**
 * Moves the tip of a button into the window: near an edge it would be cut off.
 */

const MARGIN_PX = 6;

/** For `pointerenter` and `focus`. @param {Event} event */
export function placeTip({ currentTarget }) {
  const tip = /** @type {Element} */ (currentTarget).querySelector(".pp-tip");
  if (!(tip instanceof HTMLElement)) return;
  tip.style.translate = "none";
  const { left, right } = tip.getBoundingClientRect();
  const overRight = Math.min(0, document.documentElement.clientWidth - MARGIN_PX - right);
  const shift = left < MARGIN_PX ? MARGIN_PX - left : overRight;
  tip.style.translate = `${Math.round(shift)}px`;
}
