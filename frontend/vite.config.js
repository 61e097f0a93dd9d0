/**
 * Builds what the demo serves, under names that stay: its pages' scripts (--mode pages), its
 * stand-in for Frappe's website scripts (--mode website), and the elements as one file for any page
 * (--mode element). The latter two are classic scripts, so each is a build of its own.
 */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { alias, here } from "./resolve.js";

const web = "../presence_progress/demo/web/";
const inputs = {
  pages: {
    app: here(`${web}app.js`),
    gallery: here(`${web}gallery/gallery.js`),
    login: here(`${web}login.js`),
  },
  website: { website: here(`${web}website.js`) },
  element: {
    presence_progress: here("../presence_progress/public/js/presence_progress.bundle.js"),
  },
};

export default defineConfig(({ mode }) => {
  const build = /** @type {keyof typeof inputs} */ (mode);

  return {
    root: here(web),
    base: "/static/",
    publicDir: false,
    logLevel: "warn",
    plugins: [vue()],
    resolve: {
      alias:
        build === "website"
          ? // An article's page holds its template in the HTML: this one needs the compiler.
            { ...alias, vue: here("node_modules/vue/dist/vue.esm-bundler.js") }
          : alias,
    },
    define: {
      "process.env.NODE_ENV": JSON.stringify("production"),
      __VUE_OPTIONS_API__: JSON.stringify(build === "website"),
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    build: {
      outDir: here("../presence_progress/demo/static"),
      emptyOutDir: build === "pages",
      cssCodeSplit: false,
      modulePreload: false,
      rolldownOptions: {
        input: inputs[build],
        output: {
          format: build === "pages" ? "es" : "iife",
          entryFileNames: "[name].js",
          chunkFileNames: "[name].js",
          assetFileNames: "demo[extname]",
        },
      },
    },
  };
});
