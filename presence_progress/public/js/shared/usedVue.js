/**
 * What of Vue our components use; the rest is left away.
 *
 * From the finished build: the one made for bundlers is larger, since Frappe's bundler has settings of
 * Vue's on that we do not need. The same names stand in vue.js.
 */
export {
  Fragment,
  Teleport,
  TransitionGroup,
  computed,
  createApp,
  createBlock,
  createCommentVNode,
  createElementBlock,
  createElementVNode,
  createTextVNode,
  createVNode,
  defineCustomElement,
  h,
  nextTick,
  normalizeClass,
  normalizeStyle,
  onBeforeUnmount,
  onMounted,
  onScopeDispose,
  openBlock,
  reactive,
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
  withKeys,
  withModifiers,
} from "vue/dist/vue.runtime.esm-browser.prod.js";
