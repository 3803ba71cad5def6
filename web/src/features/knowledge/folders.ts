// Indexed folders: add, watch, take out.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { tell, tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";

export type Folder = Schemas["RootObject"];
export type Job = Schemas["IndexJob"];

export const isGoing = (job: Job | null | undefined) => job?.state === "running" || job?.state === "stopping";

export function useFolders() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: ["roots", "jobs"],
    queryFn: () => unwrap(api.GET("/api/index")),
    refetchInterval: ({ state }) => (isGoing(state.data?.job) ? 500 : false),
  });
  const onSettled = () => client.invalidateQueries({ queryKey: ["roots"] });
  const add = useMutation({
    mutationFn: (path: string) => unwrap(api.POST("/api/index", { body: { path } })),
    onSettled,
  });
  const remove = useMutation({
    mutationFn: (path: string) => unwrap(api.POST("/api/index/remove", { body: { path } })),
    onSuccess: (_, path) =>
      tell("The folder is out of the index. Its files stay as they are.", { undo: () => add.mutate(path) }),
    onError: tellError,
    onSettled,
  });
  const stop = useMutation({
    mutationFn: (job: string) => unwrap(api.POST("/api/index/jobs/{job}/stop", { params: { path: { job } } })),
    onError: tellError,
    onSettled,
  });
  return { folders: data, error, refetch, add, remove, stop };
}
