/** How each thing is built; build.js builds them all. */
import { readdirSync } from "node:fs";
import vue from "@vitejs/plugin-vue";
import { aliases, here } from "./resolve.js";

export { build } from "vite";

const web = here("../presence_progress/demo/web/");
const js = here("../presence_progress/public/js/");

/** The classic scripts of the demo's web pages, by the names under which it serves them. */
export const bundles = /** @type {Record<string, string>} */ ({
  website: `${web}website.js`,
  ...Object.fromEntries(
    readdirSync(js)
      .filter((file) => file.endsWith(".bundle.js"))
      .map((file) => [file.replace(".bundle.js", ""), js + file]),
  ),
});

/** @param {{ optionsApi?: boolean }} [how] @returns {import("vite").InlineConfig} */
function common({ optionsApi = false } = {}) {
  return {
    configFile: false,
    root: web,
    base: "/static/",
    publicDir: false,
    logLevel: "error",
    plugins: [vue()],
    define: {
      "process.env.NODE_ENV": JSON.stringify("production"),
      __VUE_OPTIONS_API__: JSON.stringify(optionsApi),
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
  };
}

const static_ = {
  outDir: here("../presence_progress/demo/static"),
  cssCodeSplit: false,
  modulePreload: /** @type {const} */ (false),
};

/** The demo's own pages. @returns {import("vite").InlineConfig} */
export function pages() {
  return {
    ...common(),
    resolve: { alias: aliases() },
    build: {
      ...static_,
      emptyOutDir: true,
      rolldownOptions: {
        input: {
          app: `${web}app.js`,
          gallery: `${web}gallery/gallery.js`,
          login: `${web}login.js`,
        },
        output: {
          entryFileNames: "[name].js",
          chunkFileNames: "[name].js",
          assetFileNames: "demo[extname]",
        },
      },
    },
  };
}

/**
 * One bundle, as the esbuild of a bench makes it: with what public/js/tsconfig.json says.
 *
 * @param {string} name
 * @param {string} path
 * @returns {import("vite").InlineConfig}
 */
export function classicScript(name, path) {
  const shared = {
    vue: `${js}shared/vue.js`,
    // Of Frappe's own version.
    vueFiles: here("node_modules/vue-frappe/"),
    socket: `${js}shared/socket.js`,
  };
  return {
    ...common({ optionsApi: true }),
    // The stand-in for Frappe's scripts has a socket.io of its own, as those do.
    resolve: { alias: aliases(path.startsWith(js) ? shared : {}) },
    build: {
      ...static_,
      emptyOutDir: false,
      target: "es2017",
      rolldownOptions: {
        input: { [name]: path },
        output: { format: "iife", entryFileNames: "[name].js" },
      },
    },
  };
}

/** The ES module for front ends that bring their own Vue. @returns {import("vite").InlineConfig} */
export function module() {
  return {
    ...common(),
    root: here(".."),
    build: {
      outDir: here("../presence_progress/public/esm"),
      emptyOutDir: true,
      minify: false,
      lib: { entry: `${js}index.js`, formats: ["es"], fileName: () => "presence_progress.js" },
      rolldownOptions: { external: ["vue", "socket.io-client"] },
    },
  };
}

export default pages();
