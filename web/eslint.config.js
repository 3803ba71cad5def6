// Lints, and the arrows of the UI: app → features → components → lib, and no feature knows another.
import boundaries from "eslint-plugin-boundaries";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const RAW_HTML = "Text becomes elements in components/markdown only, and never HTML.";

export default tseslint.config({ ignores: ["dist", "src/lib/api/schema.d.ts"] }, ...tseslint.configs.strict, {
  files: ["**/*.{ts,tsx}"],
  plugins: { boundaries, "react-hooks": hooks },
  settings: {
    "import/resolver": { typescript: { project: "./tsconfig.json" } },
    "boundaries/elements": [
      { type: "app", pattern: "src/app" },
      { type: "feature", pattern: "src/features/*", capture: ["feature"] },
      { type: "components", pattern: "src/components" },
      { type: "lib", pattern: "src/lib" },
    ],
  },
  rules: {
    "react-hooks/rules-of-hooks": "error",
    "react-hooks/exhaustive-deps": "error",
    "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_" }],
    "boundaries/element-types": [
      "error",
      {
        default: "disallow",
        rules: [
          { from: "app", allow: ["app", "feature", "components", "lib"] },
          { from: "feature", allow: [["feature", { feature: "${from.feature}" }], "components", "lib"] },
          { from: "components", allow: ["components", "lib"] },
          { from: "lib", allow: ["lib"] },
        ],
      },
    ],
    "no-restricted-properties": ["error", { property: "innerHTML", message: RAW_HTML }],
    "no-restricted-syntax": [
      "error",
      { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: RAW_HTML },
    ],
    "@typescript-eslint/no-non-null-assertion": "error",
  },
});
