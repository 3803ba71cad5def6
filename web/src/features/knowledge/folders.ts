// Indexed folders: add, watch, take out.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { tell, tellError } from "@/components/ui/toast";
import { request } from "@/lib/api/client";

export interface Folder {
  path: string;
  files: number;
  passages: number;
  /** Passages that are found by meaning too. */
  vectors?: number;
  /** Whether a pass over all of its files has ended. */
  complete?: boolean;
  /** Whether the folder is there. */
  present?: boolean;
}

interface Progress {
  done: number;
  total: number;
}

export interface Job {
  id: string;
  path: string;
  state: "running" | "stopping" | "stopped" | "done" | "failed";
  files: Progress | null;
  vectors: Progress | null;
  report: {
    files: number;
    changed: number;
    removed: number;
    passages: number;
    embedded: number;
    skipped: Record<string, number>;
  } | null;
  error: string | null;
}

interface Folders {
  roots: Folder[];
  /** The pass that goes on, or the last one; absent where the server indexes at the command line only. */
  job?: Job | null;
}

const KEY = ["roots", "jobs"];
export const isGoing = (job: Job | null | undefined) => job?.state === "running" || job?.state === "stopping";

export function useFolders() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => request<Folders>("GET", "/api/index"),
    refetchInterval: ({ state }) => (isGoing(state.data?.job) ? 500 : false),
  });
  const onSettled = () => client.invalidateQueries({ queryKey: ["roots"] });
  const add = useMutation({ mutationFn: (path: string) => request("POST", "/api/index", { path }), onSettled });
  const remove = useMutation({
    mutationFn: (path: string) => request("POST", "/api/index/remove", { path }),
    onSuccess: (_, path) =>
      tell("The folder is out of the index. Its files stay as they are.", { undo: () => add.mutate(path) }),
    onError: tellError,
    onSettled,
  });
  const stop = useMutation({
    mutationFn: (job: string) => request("POST", `/api/index/jobs/${job}/stop`, {}),
    onError: tellError,
    onSettled,
  });
  return { folders: data, error, refetch, add, remove, stop, canAdd: data ? data.job !== undefined : true };
}
