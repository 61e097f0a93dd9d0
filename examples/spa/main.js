import { createApp } from "vue";
import { getClient } from "presence_progress";
import App from "./App.vue";

// The site's name; its realtime server is where the page is (nginx, or the proxy in vite.config.js).
getClient({ url: "/demo.localhost" });
createApp(App).mount("#app");
