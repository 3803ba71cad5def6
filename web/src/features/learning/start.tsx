// Begins a run from a set of examples, or goes on with one that was interrupted.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Problem } from "@/components/ui/feedback";
import { Field, Input } from "@/components/ui/field";
import { api, unwrap } from "@/lib/api/client";
import { count } from "@/lib/format";

export function StartRun({ resumable }: { resumable: string[] }) {
  const client = useQueryClient();
  const [data, setData] = useState("");
  const [name, setName] = useState("");
  const [steps, setSteps] = useState("");
  const onSettled = () => client.invalidateQueries({ queryKey: ["train"] });
  const start = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/train", {
          body: { data: data.trim(), name: name.trim() || null, ...(steps && { steps: Number(steps) }) },
        }),
      ),
    onSettled,
  });
  const resume = useMutation({
    mutationFn: (run: string) => unwrap(api.POST("/api/train/{run}/resume", { params: { path: { run } } })),
    onSettled,
  });
  const error = start.error ?? resume.error;
  return (
    <div className="flex flex-col gap-3">
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <div className="min-w-40 flex-1">
          <Field label="Set of examples">
            {(id) => (
              <Input id={id} placeholder="codealpaca" value={data} onChange={(event) => setData(event.target.value)} />
            )}
          </Field>
        </div>
        <div className="min-w-40 flex-1">
          <Field label="Name of the adapter">
            {(id) => (
              <Input
                id={id}
                placeholder="adapters_final"
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        </div>
        <div className="w-28">
          <Field label="Steps">
            {(id) => (
              <Input
                id={id}
                type="number"
                min="1"
                placeholder="2 epochs"
                value={steps}
                onChange={(event) => setSteps(event.target.value)}
              />
            )}
          </Field>
        </div>
        <Button kind="primary" type="submit" disabled={!data.trim() || start.isPending}>
          Train
        </Button>
      </form>
      {error && <Problem error={error} />}
      {resumable.length > 0 && (
        <div className="flex flex-wrap items-center gap-2 text-xs">
          <span className="text-muted">{count(resumable.length)} interrupted:</span>
          {resumable.slice(0, 5).map((run) => (
            <Button key={run} size="sm" disabled={resume.isPending} onClick={() => resume.mutate(run)}>
              Go on with {run}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}
