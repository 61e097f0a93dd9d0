import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";
import { aliases, here } from "./resolve.js";

export default defineConfig({
  root: here(".."),
  plugins: [vue()],
  resolve: {
    alias: [
      // Before "vue/", which is the beginning of it.
      { find: "vue/compiler-sfc", replacement: here("node_modules/@vue/compiler-sfc") },
      ...aliases(),
      { find: /^typescript$/, replacement: here("node_modules/typescript") },
    ],
  },
  server: { fs: { allow: [here("..")] } },
  cacheDir: here("node_modules/.vite"),
  test: {
    dir: here("../tests/js"),
    include: ["**/*.test.js"],
    environment: "happy-dom",
    restoreMocks: true,
    // A warning of Vue's, or a stray console.error, is a failed test.
    setupFiles: [here("../tests/js/setup.js")],
  },
});
