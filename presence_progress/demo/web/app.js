import { createApp } from "vue";
import App from "./App.vue";
import "./demo.css";

createApp(App).mount("#app");
