// What the model has learned: its adapters, the one in use, and the way back.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CornerDownRight, GraduationCap, Undo2 } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Badge, Empty, Note, Problem, Spinner } from "@/components/ui/feedback";
import { Row, Rows, Section } from "@/components/ui/page";
import { tell, tellError } from "@/components/ui/toast";
import { api, unwrap } from "@/lib/api/client";
import { adaptersQuery } from "@/lib/api/queries";
import { ago, bytes } from "@/lib/format";
import { visible } from "@/lib/visible";
import { type Adapter, type Member, lineage, scoresOf } from "./lineage";
import { Report } from "./report";

export function Adapters() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery(adaptersQuery);
  const onSettled = () => client.invalidateQueries({ queryKey: adaptersQuery.queryKey });
  const rollback = useMutation({
    mutationFn: () => unwrap(api.POST("/api/adapters/rollback")),
    onSuccess: ({ to }) => tell(to ? `Back to ${nameOf(to)}.` : "Back to the model alone."),
    onError: tellError,
    onSettled,
  });
  const use = useMutation({
    mutationFn: (adapter: string) => unwrap(api.POST("/api/adapters/use", { body: { adapter } })),
    onSuccess: (_, adapter) =>
      tell(adapter === "base" ? "The model answers alone from now on." : `${nameOf(adapter)} answers from now on.`, {
        undo: () => rollback.mutate(),
      }),
    onError: tellError,
    onSettled,
  });
  const nameOf = (id: string) => data?.adapters.find((adapter) => adapter.id === id)?.name ?? id;
  const busy = use.isPending || rollback.isPending;
  return (
    <Section
      title="Adapters"
      about="Each is a small file that changes how the model answers. Switching takes effect with the next answer, and can always be taken back."
      actions={
        data && data.adapters.length > 0 ? (
          <span className="flex gap-2">
            <Button size="sm" disabled={busy || data.in_use === null} onClick={() => use.mutate("base")}>
              Use none
            </Button>
            <Button size="sm" disabled={busy} onClick={() => rollback.mutate()}>
              <Undo2 size={13} /> Roll back
            </Button>
          </span>
        ) : undefined
      }
    >
      {data?.pinned && (
        <Note kind="warn">hone was started with the adapter {data.pinned}: it answers, whatever is in use.</Note>
      )}
      {error && !data && <Problem error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Spinner label="Loading the adapters" />}
      {data?.adapters.length === 0 && (
        <Empty icon={<GraduationCap size={22} />} title={`${data.model} has learned nothing yet`}>
          Train an adapter above, or bring one along: <code className="font-mono">hone adapter import</code>.
        </Empty>
      )}
      {data && data.adapters.length > 0 && (
        <Rows label="Adapters">
          {lineage(data.adapters).map((member) => (
            <Row key={member.adapter.id}>
              <AdapterRow {...member} busy={busy} onUse={() => use.mutate(member.adapter.id)} />
            </Row>
          ))}
        </Rows>
      )}
    </Section>
  );
}

function AdapterRow({ adapter, depth, busy, onUse }: Member & { busy: boolean; onUse: () => void }) {
  const [open, setOpen] = useState(false);
  const scores = scoresOf(adapter.scores);
  return (
    <div className="flex items-start gap-2" style={{ paddingLeft: `${Math.min(depth, 5) * 1.25}rem` }}>
      {depth > 0 && (
        <CornerDownRight size={14} className="text-muted mt-0.5 shrink-0" aria-label="came from the one above" />
      )}
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-medium">{visible(adapter.name)}</span>
          {adapter.in_use && <Badge kind="accent">in use</Badge>}
          <span className="text-muted text-xs">
            {ago(adapter.created)} · {bytes(adapter.bytes)}
          </span>
        </p>
        {scores.length > 0 && (
          <dl className="text-muted mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs">
            {scores.slice(0, 8).map(([name, value]) => (
              <div key={name} className="flex gap-1">
                <dt>{name}</dt>
                <dd className="text-ink tabular-nums">{value}</dd>
              </div>
            ))}
          </dl>
        )}
        <details className="mt-1 text-xs" onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary className="text-muted">Why it was taken, and how it was made</summary>
          {open && (
            <div className="mt-2 flex flex-col gap-3">
              <Report adapter={adapter.id} />
              <pre className="text-muted overflow-x-auto font-mono" tabIndex={0} aria-label="Recipe">
                {visible(recipeOf(adapter))}
              </pre>
            </div>
          )}
        </details>
      </div>
      {!adapter.in_use && (
        <Button size="sm" disabled={busy} onClick={onUse}>
          Use
        </Button>
      )}
    </div>
  );
}

function recipeOf({ id, parent, data, recipe }: Adapter): string {
  return JSON.stringify({ id, parent, data, ...(recipe as object) }, null, 1);
}
