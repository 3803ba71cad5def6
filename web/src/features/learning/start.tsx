// Begins a run from a set of examples, or goes on with one that was interrupted.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Empty, Problem } from "@/components/ui/feedback";
import { Field, Select, TextField } from "@/components/ui/field";
import { api, unwrap } from "@/lib/api/client";
import { count } from "@/lib/format";

export function StartRun({ resumable, sets }: { resumable: string[]; sets: string[] }) {
  const client = useQueryClient();
  const [chosen, setChosen] = useState("");
  const data = chosen || (sets[0] ?? "");
  const [name, setName] = useState("");
  const [steps, setSteps] = useState("");
  const onSettled = () => client.invalidateQueries({ queryKey: ["train"] });
  const start = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/train", {
          body: { data, name: name.trim() || null, ...(steps && { steps: Number(steps) }) },
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
      {sets.length === 0 ? (
        <Empty title="No set of examples yet">
          Fetch one with <code className="font-mono">hone data fetch codealpaca</code>, or make one of your
          conversations.
        </Empty>
      ) : (
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
                <Select id={id} value={data} onChange={(event) => setChosen(event.target.value)}>
                  {sets.map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </Select>
              )}
            </Field>
          </div>
          <div className="min-w-40 flex-1">
            <TextField label="Name of the adapter" placeholder="adapters_final" value={name} onText={setName} />
          </div>
          <div className="w-28">
            <TextField label="Steps" type="number" min="1" placeholder="2 epochs" value={steps} onText={setSteps} />
          </div>
          <Button kind="primary" type="submit" disabled={!data || start.isPending}>
            Train
          </Button>
        </form>
      )}
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
