// Models on disk.
import { Check, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { type Shelf, useShelf } from "@/components/shelf";
import { Badge } from "@/components/ui/feedback";
import { Row, Rows, Section } from "@/components/ui/page";
import { bytes } from "@/lib/format";

export function Installed({ shelf }: { shelf: Shelf }) {
  const { use, remove } = useShelf();
  const [doomed, setDoomed] = useState<string | null>(null);
  const free = shelf.free_bytes === null ? "" : ` ${bytes(shelf.free_bytes)} are free there.`;
  return (
    <Section title="On this machine" about={`Kept in hone's own folder, each checked by its SHA-256.${free}`}>
      <Rows>
        {shelf.installed.map((model) => (
          <Row key={model.name} className="flex items-center gap-3">
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-center gap-2">
                <span className="truncate font-medium">{model.name}</span>
                {model.kind === "embedding" && (
                  <Badge title="Makes vectors of texts, for search and intent">finds passages</Badge>
                )}
              </p>
              <p className="text-muted truncate text-xs" title={`SHA-256 ${model.sha256}`}>
                {bytes(model.bytes)} · {model.license ?? "licence unknown"} · {model.source}
              </p>
            </div>
            {model.name === shelf.current ? (
              <Badge kind="accent">
                <Check size={11} /> in use
              </Badge>
            ) : (
              <>
                {model.kind === "chat" && (
                  <Button size="sm" disabled={use.isPending} onClick={() => use.mutate(model.name)}>
                    Use
                  </Button>
                )}
                <IconButton label={`Delete ${model.name}`} onClick={() => setDoomed(model.name)}>
                  <Trash2 size={14} />
                </IconButton>
              </>
            )}
          </Row>
        ))}
      </Rows>
      <Dialog
        open={doomed !== null}
        onClose={() => setDoomed(null)}
        title={`Delete ${doomed ?? ""}?`}
        description="The file is taken off the disk. It can be fetched again; its adapters stay."
      >
        <div className="flex justify-end gap-2 pt-3">
          <Button kind="ghost" onClick={() => setDoomed(null)}>
            Keep it
          </Button>
          <Button
            kind="danger"
            onClick={() => {
              if (doomed) remove.mutate(doomed);
              setDoomed(null);
            }}
          >
            Delete
          </Button>
        </div>
      </Dialog>
    </Section>
  );
}
