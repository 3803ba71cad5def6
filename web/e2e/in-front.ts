// `HONE_TEST_DIST=1`: `web/dist` as it is, in front of a program that was compiled with another one or none. For working on
// the UI without compiling hone each time; `./test` asks the program itself.
import { existsSync, readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";

const DIST = resolve(import.meta.dirname, "../dist");
const KINDS: Record<string, string> = {
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
  html: "text/html",
};

/** Starts it in front of `program`; gives its own address. */
export async function inFront(program: string): Promise<string> {
  const about = await fetch(`${program}/about`);
  const policy = Object.fromEntries(
    ["content-security-policy", "x-content-type-options"].map((name) => [name, about.headers.get(name) ?? ""]),
  );
  const server = createServer((asked, answer) => {
    const path = (asked.url ?? "/").split("?")[0] ?? "/";
    const page = /^\/(c\/[^/]+|knowledge|rules|learning|models|settings)?$/.test(path);
    const file = join(DIST, page ? "index.html" : path);
    if (!page && !(path.startsWith("/assets/") && existsSync(file))) return pass(program, asked, answer);
    answer.writeHead(200, {
      ...policy,
      "Content-Type": KINDS[file.split(".").pop() ?? ""] ?? "application/octet-stream",
    });
    answer.end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Hands a request on, as the program's own page would send it; a program that is away is a broken connection. */
function pass(program: string, asked: IncomingMessage, answer: ServerResponse): void {
  const { host } = new URL(program);
  const headers = { ...asked.headers, host, ...(asked.headers.origin && { origin: program }) };
  const onward = request(program + (asked.url ?? ""), { method: asked.method, headers }, (answered) => {
    answer.writeHead(answered.statusCode ?? 502, answered.headers);
    answered.pipe(answer);
    answered.on("error", () => answer.destroy());
    answered.on("aborted", () => answer.destroy());
  });
  onward.on("error", () => answer.destroy());
  answer.on("close", () => onward.destroy());
  asked.pipe(onward);
}
