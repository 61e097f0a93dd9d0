declare module "vue/dist/vue.esm-browser.prod.js" {
  export * from "vue";
}
declare module "vue/dist/vue.runtime.esm-browser.prod.js" {
  export * from "vue";
}
declare module "socket.io-client/dist/socket.io.esm.min.js" {
  export * from "socket.io-client";
}
