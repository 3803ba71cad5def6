// What can be done with models on disk and in the catalogue, from any page.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { modelsQuery, serverQuery } from "@/lib/api/queries";

export type Shelf = Schemas["ModelShelf"];

/** What can be done with a model; each answer is the shelf as it is then. */
export function useShelf() {
  const client = useQueryClient();
  const options = {
    onSuccess: (shelf: Shelf) => {
      client.setQueryData(modelsQuery.queryKey, shelf);
      void client.invalidateQueries({ queryKey: serverQuery.queryKey });
    },
    onError: tellError,
  };
  const pull = useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/models/pull", { body: { name } })),
    ...options,
  });
  const stop = useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/models/stop", { body: { name } })),
    ...options,
  });
  const use = useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/models/use", { body: { name } })),
    ...options,
  });
  const remove = useMutation({
    mutationFn: (name: string) => unwrap(api.POST("/api/models/delete", { body: { name } })),
    ...options,
  });
  return { pull, stop, use, remove };
}
