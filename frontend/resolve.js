/**
 * The sources live outside this folder, next to the Python that they belong to, so what they import
 * is found here and not by walking up from them.
 */
import { fileURLToPath } from "node:url";

/** @param {string} path relative to this folder */
export const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const alias = {
  vue: here("node_modules/vue/dist/vue.runtime.esm-bundler.js"),
  "socket.io-client": here("node_modules/socket.io-client"),
};
