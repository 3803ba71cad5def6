// Brings conversations in from files of ChatGPT, Open WebUI, ShareGPT and hone.
import { useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useRef } from "react";
import { IconButton } from "@/components/ui/button";
import { tell, tellError } from "@/components/ui/toast";
import { api, unwrap } from "@/lib/api/client";
import { plural } from "@/lib/format";
import { batches, conversationsOf } from "./exchange-files";

export function ImportChats() {
  const picker = useRef<HTMLInputElement>(null);
  const client = useQueryClient();
  const read = async (files: File[]) => {
    for (const file of files) {
      try {
        tell(await importFile(file), { ms: 10_000 });
      } catch (error) {
        tellError(error);
      }
    }
    void client.invalidateQueries({ queryKey: ["chats"] });
  };
  return (
    <>
      <IconButton
        label="Import conversations (ChatGPT, Open WebUI, ShareGPT, hone)"
        onClick={() => picker.current?.click()}
      >
        <Upload size={14} />
      </IconButton>
      <input
        ref={picker}
        type="file"
        accept=".json,.jsonl,application/json"
        multiple
        hidden
        aria-label="Files to import"
        onChange={(event) => {
          void read([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}

/** Imports a file, and says what became of it. */
async function importFile(file: File): Promise<string> {
  const { fit, large } = batches(conversationsOf(await file.text()));
  let [imported, known] = [0, 0];
  const skipped: string[] = large ? [`${plural(large, "conversation")} larger than a request may be`] : [];
  for (const conversations of fit) {
    const done = await unwrap(api.POST("/api/chats/import", { body: { conversations } }));
    imported += done.imported;
    known += done.known;
    skipped.push(...done.skipped);
  }
  const rest = [
    known > 0 && `${known} were here already`,
    skipped.length > 0 && `${skipped.length} left out (${skipped[0]})`,
  ];
  return [`${plural(imported, "conversation")} from ${file.name}`, ...rest.filter(Boolean)].join("; ") + ".";
}
