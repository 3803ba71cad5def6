// Syntax colours by Shiki, loaded with the first code block: its grammars one by one, its regular expressions run by the
// browser's own engine, because the policy of the page allows no WebAssembly.
import type { HighlighterCore, LanguageInput } from "shiki/core";

export type Kind = "keyword" | "string" | "constant" | "function" | "comment" | "type";
export type ColouredLine = { text: string; kind?: Kind }[];

const LANGUAGES: Record<string, () => LanguageInput> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  cpp: () => import("shiki/langs/cpp.mjs"),
  csharp: () => import("shiki/langs/csharp.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  docker: () => import("shiki/langs/docker.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  kotlin: () => import("shiki/langs/kotlin.mjs"),
  lua: () => import("shiki/langs/lua.mjs"),
  make: () => import("shiki/langs/make.mjs"),
  markdown: () => import("shiki/langs/markdown.mjs"),
  php: () => import("shiki/langs/php.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  ruby: () => import("shiki/langs/ruby.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  swift: () => import("shiki/langs/swift.mjs"),
  toml: () => import("shiki/langs/toml.mjs"),
  tsx: () => import("shiki/langs/tsx.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

const ALIASES: Record<string, string> = {
  "c++": "cpp",
  cc: "cpp",
  h: "c",
  hpp: "cpp",
  cs: "csharp",
  dockerfile: "docker",
  golang: "go",
  js: "javascript",
  jsx: "tsx",
  kt: "kotlin",
  makefile: "make",
  md: "markdown",
  py: "python",
  rb: "ruby",
  rs: "rust",
  sh: "bash",
  shell: "bash",
  ts: "typescript",
  yml: "yaml",
  zsh: "bash",
};

/** A theme of kinds instead of colours: what each kind looks like is a matter of the style sheet. */
const KINDS: [Kind, string, string[]][] = [
  ["comment", "#000001", ["comment", "punctuation.definition.comment"]],
  ["string", "#000002", ["string", "markup.inserted"]],
  ["constant", "#000003", ["constant", "variable.language", "support.constant", "markup.deleted"]],
  ["keyword", "#000004", ["keyword", "storage", "keyword.operator.logical", "entity.name.tag", "markup.heading"]],
  [
    "function",
    "#000005",
    ["entity.name.function", "support.function", "meta.function-call", "entity.other.attribute-name"],
  ],
  [
    "type",
    "#000006",
    ["entity.name.type", "support.type", "support.class", "entity.name.class", "entity.name.namespace"],
  ],
];
const BY_COLOUR = new Map(KINDS.map(([kind, colour]) => [colour, kind]));

let loading: Promise<HighlighterCore> | undefined;

async function load(): Promise<HighlighterCore> {
  const [{ createHighlighterCore }, { createJavaScriptRegexEngine }] = await Promise.all([
    import("shiki/core"),
    import("shiki/engine/javascript"),
  ]);
  const settings = KINDS.map(([, foreground, scope]) => ({ scope, settings: { foreground } }));
  const theme = { name: "kinds", type: "light" as const, fg: "#000000", bg: "#ffffff", settings };
  return createHighlighterCore({
    themes: [theme],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
}

const MOST = 60_000;

/** The lines of `code` in coloured pieces, or nothing where the language is unknown or the code too long. */
export async function colours(code: string, language: string | undefined): Promise<ColouredLine[] | null> {
  const asked = (language ?? "").toLowerCase();
  const name = ALIASES[asked] ?? asked;
  const grammar = LANGUAGES[name];
  if (!grammar || code.length > MOST) return null;
  try {
    const shiki = await (loading ??= load());
    if (!shiki.getLoadedLanguages().includes(name)) await shiki.loadLanguage(grammar());
    const { tokens } = shiki.codeToTokens(code, { lang: name, theme: "kinds" });
    return tokens.map((line) =>
      line.map(({ content, color }) => ({ text: content, kind: BY_COLOUR.get(color?.toLowerCase() ?? "") })),
    );
  } catch {
    return null; // Code without colours is still code.
  }
}
