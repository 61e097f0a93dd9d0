/**
 * The sources live outside this folder, next to the Python that they belong to, so what they import
 * is found here and not by walking up from them.
 */
import { fileURLToPath } from "node:url";

/** @param {string} path relative to this folder */
export const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * What bare imports mean: packages, by the files of theirs that are asked for.
 *
 * @param {{ vue?: string, vueFiles?: string, socket?: string }} [replaced] paths, where a build takes
 *   others
 */
export const aliases = ({
  vue = here("node_modules/vue/dist/vue.runtime.esm-bundler.js"),
  vueFiles = here("node_modules/vue/"),
  socket = here("node_modules/socket.io-client"),
} = {}) => [
  { find: /^vue$/, replacement: vue },
  { find: /^vue\//, replacement: vueFiles },
  { find: /^socket\.io-client$/, replacement: socket },
  { find: /^socket\.io-client\//, replacement: here("node_modules/socket.io-client/") },
  { find: "@vue/test-utils", replacement: here("node_modules/@vue/test-utils") },
  { find: /^vitest$/, replacement: here("node_modules/vitest") },
];
