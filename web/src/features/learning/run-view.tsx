// A run as it goes: how far, how good, how long, how much.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pause } from "lucide-react";
import { Chart } from "@/components/chart";
import { Button } from "@/components/ui/button";
import { Badge, Note, Problem, ProgressBar } from "@/components/ui/feedback";
import { tellError } from "@/components/ui/toast";
import { api, unwrap } from "@/lib/api/client";
import { bytes, count, duration } from "@/lib/format";
import { visible } from "@/lib/visible";
import { DecisionBadge } from "./report";
import { type Doing, type Plan, type Run, type Step, type Told, isOver } from "./run";

const STATES: Record<string, { text: string; kind: "plain" | "accent" | "warn" | "danger" }> = {
  preparing: { text: "getting ready", kind: "accent" },
  running: { text: "learning", kind: "accent" },
  stopping: { text: "writing a checkpoint", kind: "warn" },
  stopped: { text: "stopped", kind: "warn" },
  done: { text: "done", kind: "plain" },
  failed: { text: "failed", kind: "danger" },
};

export function RunView({ run, known }: { run: Run; known: Told }) {
  const plan = known.plan ?? run.plan ?? null;
  const last = known.steps.at(-1) ?? run.last ?? null;
  const going = !isOver(run.state);
  const doing = known.doing ?? (known.plan ? null : (run.doing ?? null));
  return (
    <div className="border-line bg-raised flex flex-col gap-3 rounded-lg border p-4">
      <Head run={run} />
      {going && (doing ? <DoingView doing={doing} /> : plan && <Steps run={run} plan={plan} last={last} />)}
      {known.steps.length > 1 && <Losses steps={known.steps} />}
      {plan && <Facts plan={plan} last={last} />}
      {known.remarks.map((remark, index) => (
        <Note key={index}>{visible(remark)}</Note>
      ))}
      {run.error && <Problem error={run.error} />}
      <Outcome run={run} known={known} />
    </div>
  );
}

function Head({ run }: { run: Run }) {
  const client = useQueryClient();
  const stop = useMutation({
    mutationFn: () => unwrap(api.POST("/api/train/{run}/stop", { params: { path: { run: run.id } } })),
    onError: tellError,
    onSettled: () => client.invalidateQueries({ queryKey: ["train"] }),
  });
  const state = STATES[run.state] ?? { text: run.state, kind: "plain" as const };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <h3 className="min-w-0 flex-1 truncate font-semibold">
        {visible(run.name)} <span className="text-muted font-normal">from {visible(run.data)}</span>
      </h3>
      <Badge kind={state.kind}>{state.text}</Badge>
      {!isOver(run.state) && (
        <Button size="sm" disabled={stop.isPending || run.state === "stopping"} onClick={() => stop.mutate()}>
          <Pause size={12} /> Stop
        </Button>
      )}
    </div>
  );
}

const DOING: Record<string, string> = {
  replay: "The model answers general prompts, so that it stays what it is",
  judging: "It is judged on examples that it has not seen",
};

function DoingView({ doing: { what, done, all } }: { doing: Doing }) {
  const text = DOING[what] ?? what;
  return (
    <div className="flex flex-col gap-1.5 text-xs">
      <p className="text-muted">
        {text}
        {all > 0 && `: ${done} of ${all}`}
      </p>
      {all > 0 && <ProgressBar share={done / all} label={text} />}
    </div>
  );
}

function Steps({ run, plan, last }: { run: Run; plan: Plan; last: Step | null }) {
  if (plan.steps === 0) return null;
  return (
    <div className="flex items-center gap-3 text-xs">
      <ProgressBar share={(run.step + run.step_share) / plan.steps} label="Steps" />
      <span className="text-muted whitespace-nowrap tabular-nums">
        step {run.step} of {plan.steps}
        {last && ` · ${duration(last.seconds_left)} left`}
      </span>
    </div>
  );
}

function Losses({ steps }: { steps: Step[] }) {
  const curves = [
    { label: "training loss", token: "--accent", values: steps.map(({ loss }) => loss ?? null) },
    { label: "validation loss", token: "--code-constant", values: steps.map(({ valid_loss }) => valid_loss ?? null) },
  ];
  const measured = curves.filter(({ values }) => values.some((value) => value !== null));
  return <Chart label="Loss" x={steps.map(({ step }) => step)} curves={measured} />;
}

function Facts({ plan, last }: { plan: Plan; last: Step | null }) {
  const facts = [
    ["Examples", `${count(plan.examples)}, ${count(plan.valid_examples)} held back`],
    ["Learned tokens", count(plan.targets)],
    ["Memory", `about ${bytes(plan.memory_bytes)}`],
    ["Speed", last ? `${Math.round(last.tokens_per_second)} tokens/s` : "not measured yet"],
  ];
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-2 text-xs sm:grid-cols-4">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt className="text-muted">{name}</dt>
          <dd className="tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Outcome({ run, known: { decided } }: { run: Run; known: Told }) {
  if (decided) {
    return (
      <p className="text-xs">
        <DecisionBadge decision={decided.decision} /> <span className="ml-1">{visible(decided.because)}</span>
      </p>
    );
  }
  if (run.state === "stopped" && run.learning)
    return <p className="text-muted text-xs">What is done is kept: “Learn now” goes on from here.</p>;
  if (run.state === "done" && !run.learning)
    return <p className="text-muted text-xs">The adapter is in the list below. It is not used until you say so.</p>;
  return null;
}
