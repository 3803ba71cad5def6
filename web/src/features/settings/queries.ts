// What the settings page asks and tells.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { tell, tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { serverQuery, settingsQuery } from "@/lib/api/queries";

export type Settings = Schemas["SettingsObject"];

export function useChangeSettings() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["SettingsEdit"]) => unwrap(api.POST("/api/settings", { body })),
    onSuccess: (settings) => {
      client.setQueryData(settingsQuery.queryKey, settings);
      void client.invalidateQueries({ queryKey: serverQuery.queryKey });
      void client.invalidateQueries({ queryKey: ["audit"] });
      tell("Saved. The server starts again with it.");
    },
    onError: tellError,
  });
}
