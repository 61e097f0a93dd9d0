/**
 * What `import … from "vue"` means in our bundles (see ../tsconfig.json): the Vue that
 * provideVue.js has put on the page; Teleport is there in Desk alone. A name that is missing here fails
 * the build.
 */
const Vue = /** @type {any} */ (window)[Symbol.for("presence_progress.vue")];
if (!Vue) throw new Error("provideVue.js comes first");

export const {
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
} = Vue;
