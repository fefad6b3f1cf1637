import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** `npm run dev` shows the fixture server's data, see src/fixtures/serve.ts. */
export default defineConfig({
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, assetsInlineLimit: 0, target: "es2023", chunkSizeWarningLimit: 800 },
  server: { proxy: { "/v1": "http://127.0.0.1:4400" } },
});
