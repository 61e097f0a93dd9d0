import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";
import { alias, here } from "./resolve.js";

export default defineConfig({
  root: here(".."),
  plugins: [vue()],
  resolve: {
    alias: {
      // Before "vue", which is the beginning of it.
      "vue/compiler-sfc": here("node_modules/@vue/compiler-sfc"),
      ...alias,
      "@vue/test-utils": here("node_modules/@vue/test-utils"),
      typescript: here("node_modules/typescript"),
      vitest: here("node_modules/vitest"),
    },
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
