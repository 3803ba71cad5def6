// Asks for the API key, where the server wants one. It stays in this tab.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { TextField } from "@/components/ui/field";
import { apiKey, keyWanted } from "@/lib/api/client";

export function KeyDialog() {
  const [key, setKey] = useState("");
  const client = useQueryClient();
  const save = () => {
    apiKey.set(key.trim());
    keyWanted.set(false);
    void client.invalidateQueries();
  };
  return (
    <Dialog
      open
      onClose={() => keyWanted.set(false)}
      title="This server needs its key"
      description="It is the one that hone was started with (HONE_API_KEY). It is kept in this tab only."
    >
      <form
        className="flex flex-col gap-4 pt-2"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <TextField label="API key" type="password" autoComplete="off" value={key} onText={setKey} />
        <Button kind="primary" type="submit" disabled={!key.trim()} className="self-end">
          Go on
        </Button>
      </form>
    </Dialog>
  );
}
