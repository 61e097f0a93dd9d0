/** Run from the root of the repository (`npm run lint` does): the sources live outside this folder. */
import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import vue from "eslint-plugin-vue";
import a11y from "eslint-plugin-vuejs-accessibility";
import globals from "globals";

export default [
  {
    // presence_progress/demo/static is built.
    ignores: [
      "**/node_modules/",
      "**/static/",
      "**/.venv*/",
      "**/build/",
      "**/dist/",
      "**/.cache/",
    ],
  },
  js.configs.recommended,
  ...vue.configs["flat/recommended"],
  ...a11y.configs["flat/recommended"],
  prettier,
  {
    languageOptions: { globals: { ...globals.browser } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-var": "error",
      "prefer-const": "error",
      "vue/block-lang": "off",
      "vue/no-v-html": "error",
      // Vue 3.3, in Frappe's bundler, has none of these.
      "vue/no-setup-props-reactivity-loss": "error",
      "vuejs-accessibility/label-has-for": ["error", { required: { some: ["nesting", "id"] } }],
    },
  },
  {
    files: ["tests/js/**"],
    rules: {
      "no-console": "off",
      // Vue 2's options are what is tested.
      "vue/no-deprecated-data-object-declaration": "off",
      "vue/order-in-components": "off",
    },
  },
  {
    // Tests run in Node, whatever page they make for themselves.
    files: ["frontend/**", "benchmarks/node/**", "tests/js/**"],
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
  },
];
