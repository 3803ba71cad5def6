// How the UI is built, and how `npm run dev` reaches a running hone.
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const hone = process.env.HONE_URL ?? "http://127.0.0.1:4663";

// The server refuses foreign origins, which the dev server is: it speaks to hone as a program does.
const proxied = {
  target: hone,
  changeOrigin: true,
  configure: (proxy: {
    on(event: "proxyReq", listen: (request: { removeHeader(name: string): void }) => void): void;
  }) => {
    proxy.on("proxyReq", (request) => {
      for (const name of ["origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"])
        request.removeHeader(name);
    });
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: {
      "@": fileURLToPath(new URL("./src", import.meta.url)),
      // Its form for browsers assigns to innerHTML, which the page's policy forbids: an entity would end the page.
      "decode-named-character-reference": fileURLToPath(
        new URL("./node_modules/decode-named-character-reference/index.js", import.meta.url),
      ),
    },
  },
  server: { proxy: { "/api": proxied, "/v1": proxied, "/health": proxied, "/openapi.json": proxied } },
  build: {
    target: "es2023",
    // A `data:` font or script is what the policy forbids; everything is a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
