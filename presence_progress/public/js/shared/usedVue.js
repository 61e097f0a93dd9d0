/**
 * What of Vue our components use; the rest is left away.
 *
 * From the finished build: the one made for bundlers is larger, since Frappe's bundler has settings of
 * Vue's on that we do not need. The same names stand in vue.js.
 */
export {
  Fragment,
  TransitionGroup,
  computed,
  createBlock,
  createCommentVNode,
  createElementBlock,
  createElementVNode,
  createTextVNode,
  createVNode,
  defineCustomElement,
  nextTick,
  normalizeClass,
  normalizeStyle,
  onScopeDispose,
  openBlock,
  readonly,
  ref,
  renderList,
  resolveDynamicComponent,
  shallowReactive,
  shallowRef,
  toDisplayString,
  toValue,
  unref,
  watch,
  withCtx,
} from "vue/dist/vue.runtime.esm-browser.prod.js";
