// The one way to the server. Types come from its own API document (`npm run api`).
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** What went wrong, in the server's words, and how it is called there. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The server could not be reached at all. */
export const UNREACHABLE = "hone does not answer. Is it running? This page tries again by itself.";

const KEY = "hone.key";
const listeners = new Set<() => void>();

/** The API key, where the server wants one: kept for this tab only. */
export const apiKey = {
  get: () => sessionStorage.getItem(KEY),
  set(key: string) {
    sessionStorage.setItem(KEY, key);
    listeners.forEach((tell) => tell());
  },
};

/** Whether the server has asked for a key since the last one was given. */
export const keyWanted = {
  value: false,
  subscribe(tell: () => void) {
    listeners.add(tell);
    return () => listeners.delete(tell);
  },
  set(value: boolean) {
    this.value = value;
    listeners.forEach((tell) => tell());
  },
};

export function authorization(): Record<string, string> {
  const key = apiKey.get();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

const withKey: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
    // The gate takes no other kind of POST, also where there is nothing to say.
    if (request.method === "POST") request.headers.set("Content-Type", "application/json");
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: "/" });
api.use(withKey);

/** The data of an answer, or the server's error thrown. */
export async function unwrap<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer.catch(() => {
    throw new ApiError(UNREACHABLE, 0, "unreachable");
  });
  if (response.ok) {
    if (keyWanted.value) keyWanted.set(false);
    return data as T;
  }
  throw failed(response.status, error);
}

/** The error that a body of the form `{"error":{"message","code"}}` tells. */
export function failed(status: number, body: unknown): ApiError {
  if (status === 401 && !keyWanted.value) keyWanted.set(true);
  const error = (body as { error?: { message?: string; code?: string | null } } | undefined)?.error;
  return new ApiError(error?.message ?? `The server answered with status ${status}.`, status, error?.code ?? null);
}

/** A route that this version's document does not have (yet), by its path. */
export async function request<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const headers = { ...authorization(), ...(method === "POST" && { "Content-Type": "application/json" }) };
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  }).catch(() => {
    throw new ApiError(UNREACHABLE, 0, "unreachable");
  });
  const text = await response.text();
  const data: unknown = text && JSON.parse(text);
  if (!response.ok) throw failed(response.status, data);
  return data as T;
}
