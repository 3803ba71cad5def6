// @vitest-environment node
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const file = (name: string) => new URL(name, import.meta.url);

// The document itself is held to the server by a test there (`the_ui_has_this_document`).
it("the client's types are those of the document; `npm run api` makes them anew", async () => {
  const kept = readFileSync(fileURLToPath(file("./schema.d.ts")), "utf8");
  const made = astToString(await openapiTS(file("../../../openapi.json"), { defaultNonNullable: false }));
  const body = (text: string) => text.slice(text.indexOf("export interface paths")).trim();
  expect(body(kept) === body(made)).toBe(true);
}, 30_000);
