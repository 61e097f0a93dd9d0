/**
 * The components as custom elements, for pages that know nothing of Vue.
 */
import { defineCustomElement } from "vue";

/**
 * Defines an element; one that another copy of the same has defined already stays.
 *
 * @param {string} tag
 * @param {any} component
 * @param {string[]} styles which it takes into its shadow root
 */
export function registerElement(tag, component, styles) {
  if (customElements.get(tag)) return;
  customElements.define(tag, defineCustomElement({ ...component, styles }));
}
