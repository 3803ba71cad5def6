// What several pages ask of the server.
import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "./client";

export const adaptersQuery = queryOptions({
  queryKey: ["adapters"],
  queryFn: () => unwrap(api.GET("/api/adapters")),
});

export const serverQuery = queryOptions({
  queryKey: ["server"],
  queryFn: () => unwrap(api.GET("/api/server")),
  // Loading and restarts show within a second or two; otherwise it hardly changes.
  refetchInterval: ({ state }) => (state.error || state.data?.state === "loading" ? 1000 : 15_000),
  retry: false,
});

export const rootsQuery = queryOptions({
  queryKey: ["roots"],
  queryFn: () => unwrap(api.GET("/api/index")).then(({ roots }) => roots),
});

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: () => unwrap(api.GET("/api/models")),
  // A pull that goes on is watched.
  refetchInterval: ({ state }) => (state.data?.pulls.some((pull) => pull.state === "running") ? 700 : false),
});

export const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: () => unwrap(api.GET("/api/settings")),
});
