// End to end: the real program, the real starter model, the system's Chromium.
import { defineConfig } from "vitest/config";
import { PATIENCE } from "./hone";

export default defineConfig({
  test: {
    // `bench/web.py` measures with the same parts.
    include: [process.env.HONE_MEASURE ? "e2e/**/*.measure.ts" : "e2e/**/*.e2e.ts"],
    environment: "node",
    // One server and one browser at a time.
    fileParallelism: false,
    sequence: { concurrent: false },
    testTimeout: 120_000 * PATIENCE,
    hookTimeout: 60_000 * PATIENCE,
  },
});
