// A run as it goes: how far, how good, how long, how much.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pause } from "lucide-react";
import { Chart } from "@/components/chart";
import { Button } from "@/components/ui/button";
import { Badge, Note, Problem, ProgressBar } from "@/components/ui/feedback";
import { tellError } from "@/components/ui/toast";
import { api, unwrap } from "@/lib/api/client";
import { bytes, count, duration } from "@/lib/format";
import { type Run, type Told, isOver } from "./run";

const STATES: Record<string, { text: string; kind: "plain" | "accent" | "warn" | "danger" }> = {
  preparing: { text: "reading examples", kind: "accent" },
  running: { text: "learning", kind: "accent" },
  stopping: { text: "writing a checkpoint", kind: "warn" },
  stopped: { text: "stopped", kind: "warn" },
  done: { text: "done", kind: "plain" },
  failed: { text: "failed", kind: "danger" },
};

export function RunView({ run, known }: { run: Run; known: Told }) {
  const client = useQueryClient();
  const stop = useMutation({
    mutationFn: () => unwrap(api.POST("/api/train/{run}/stop", { params: { path: { run: run.id } } })),
    onError: tellError,
    onSettled: () => client.invalidateQueries({ queryKey: ["train"] }),
  });
  const state = STATES[run.state] ?? { text: run.state, kind: "plain" as const };
  const plan = known.plan ?? run.plan;
  const last = known.steps.at(-1) ?? run.last;
  const steps = plan?.steps ?? 0;
  return (
    <div className="border-line bg-raised flex flex-col gap-3 rounded-lg border p-4">
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="min-w-0 flex-1 truncate font-semibold">
          {run.name} <span className="text-muted font-normal">from {run.data}</span>
        </h3>
        <Badge kind={state.kind}>{state.text}</Badge>
        {!isOver(run.state) && (
          <Button size="sm" disabled={stop.isPending || run.state === "stopping"} onClick={() => stop.mutate()}>
            <Pause size={12} /> Stop
          </Button>
        )}
      </div>
      {steps > 0 && !isOver(run.state) && (
        <div className="flex items-center gap-3 text-xs">
          <ProgressBar share={(run.step + run.step_share) / steps} label="Steps" />
          <span className="text-muted whitespace-nowrap tabular-nums">
            step {run.step} of {steps}
            {last && ` · ${duration(last.seconds_left)} left`}
          </span>
        </div>
      )}
      {known.steps.length > 1 && (
        <Chart
          label="Loss"
          x={known.steps.map(({ step }) => step)}
          curves={[
            { label: "training loss", token: "--accent", values: known.steps.map(({ loss }) => loss ?? null) },
            {
              label: "validation loss",
              token: "--code-constant",
              values: known.steps.map(({ valid_loss }) => valid_loss ?? null),
            },
          ]}
        />
      )}
      {plan && (
        <dl className="grid grid-cols-2 gap-x-6 gap-y-2 text-xs sm:grid-cols-4">
          {[
            ["Examples", `${count(plan.examples)}, ${count(plan.valid_examples)} held back`],
            ["Learned tokens", count(plan.targets)],
            ["Memory", `about ${bytes(plan.memory_bytes)}`],
            ["Speed", last ? `${Math.round(last.tokens_per_second)} tokens/s` : "not measured yet"],
          ].map(([name, value]) => (
            <div key={name}>
              <dt className="text-muted">{name}</dt>
              <dd className="tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {known.remarks.map((remark) => (
        <Note key={remark}>{remark}</Note>
      ))}
      {run.error && <Problem error={run.error} />}
      {run.state === "done" && (
        <p className="text-muted text-xs">The adapter is in the list below. It is not used until you say so.</p>
      )}
    </div>
  );
}
