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

/** What the server says when it did nothing because it begins a new round, or still loads the model for it. */
const SOON = ["restarting", "model_loading"];
const TRIES = 40;

/** Asks again where the server says that it soon can. What only reads shows its own waiting, and is not held up. */
async function patientFetch(request: Request): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await fetch(request.clone());
    if (response.status !== 503 || request.method === "GET" || tries === TRIES) return response;
    const body = (await response
      .clone()
      .json()
      .catch(() => undefined)) as ErrorBody | undefined;
    if (!SOON.includes(body?.error?.code ?? "")) return response;
    await new Promise((go) => setTimeout(go, 500));
  }
}

export const api = createClient<paths>({ baseUrl: "/", fetch: patientFetch });
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

interface ErrorBody {
  error?: { message?: string; code?: string | null };
}

/** The error that a body of the form `{"error":{"message","code"}}` tells. */
export function failed(status: number, body: unknown): ApiError {
  if (status === 401 && !keyWanted.value) keyWanted.set(true);
  const error = (body as ErrorBody | undefined)?.error;
  return new ApiError(error?.message ?? `The server answered with status ${status}.`, status, error?.code ?? null);
}
