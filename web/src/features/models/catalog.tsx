// The catalogue, with what fits this machine.
import { Download } from "lucide-react";
import { Button } from "@/components/ui/button";
import { type Shelf, useShelf } from "@/components/shelf";
import { Badge } from "@/components/ui/feedback";
import { Row, Rows, Section } from "@/components/ui/page";
import { bytes, parameters } from "@/lib/format";

export function Catalog({ shelf }: { shelf: Shelf }) {
  const { pull } = useShelf();
  const here = new Set(shelf.installed.map(({ name }) => name));
  const running = new Set(shelf.pulls.filter(({ state }) => state === "running").map(({ source }) => source));
  const models = shelf.catalog.filter(({ name }) => !here.has(name));
  if (models.length === 0) return null;
  return (
    <Section
      title="To fetch"
      about={`This machine has ${bytes(shelf.memory_bytes)} of memory; a fifth is left to everything else.`}
    >
      <Rows label="Catalogue">
        {models.map((model) => (
          <Row key={model.name} className="flex flex-wrap items-center gap-x-3 gap-y-2">
            <div className="min-w-0 flex-1 basis-64">
              <p className="flex flex-wrap items-center gap-2">
                <span className="font-medium">{model.name}</span>
                {model.name === shelf.recommended && <Badge kind="accent">best for this machine</Badge>}
                {!model.fits && <Badge kind="warn">needs more memory</Badge>}
              </p>
              <p className="text-muted text-xs">
                {model.summary} · {parameters(model.parameters)} weights · needs {bytes(model.memory_bytes)} of memory ·{" "}
                {model.license}
              </p>
            </div>
            <Button
              size="sm"
              kind={model.name === shelf.recommended ? "primary" : "secondary"}
              disabled={running.has(model.name) || pull.isPending}
              onClick={() => pull.mutate(model.name)}
            >
              <Download size={13} /> {bytes(model.bytes)}
            </Button>
          </Row>
        ))}
      </Rows>
    </Section>
  );
}
