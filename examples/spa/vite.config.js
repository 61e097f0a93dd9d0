import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [vue()],
  // The package is linked from another folder; it shall use this app's Vue.
  resolve: { dedupe: ["vue", "socket.io-client"] },
  server: {
    proxy: {
      "/api": "http://localhost:8000",
      "/files": "http://localhost:8000",
      "/socket.io": { target: "http://localhost:9000", ws: true },
    },
  },
});
