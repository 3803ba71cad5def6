// A server that is back: what could not be asked while it was away, or loading, is asked again.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { serverQuery } from "@/lib/api/queries";

export function useServerReturn(): void {
  const { data: server, error } = useQuery(serverQuery);
  const client = useQueryClient();
  const was = useRef<string>(null);
  const now = error ? "away" : (server?.state ?? "loading");
  useEffect(() => {
    if (now === "ready" && was.current && was.current !== "ready") void client.invalidateQueries();
    was.current = now;
  }, [now, client]);
}
