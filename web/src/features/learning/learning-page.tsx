// Learning: from conversations and from sets of examples, and what came of it.
import { Problem } from "@/components/ui/feedback";
import { Page, Section } from "@/components/ui/page";
import { Adapters } from "./adapters";
import { Examples } from "./examples";
import { Learn } from "./learn";
import { Reports } from "./reports";
import { isOver, useRun } from "./run";
import { RunView } from "./run-view";
import { StartRun } from "./start";

export function LearningPage() {
  const { run, resumable, sets, known, error, refetch } = useRun();
  const busy = run !== null && !isOver(run.state);
  const view = run && <RunView run={run} known={known} />;
  return (
    <Page
      title="Learning"
      about="hone trains small adapters on this machine, in the gaps between answers. Nothing that it learns from leaves the machine."
    >
      {error && <Problem error={error} onRetry={() => void refetch()} />}
      <Learn busy={busy}>{run?.learning && view}</Learn>
      <Reports />
      <Adapters />
      <Examples />
      <Section
        title="From a set of examples"
        about={
          <>
            <code className="font-mono">hone data fetch</code> and <code className="font-mono">hone data build</code>{" "}
            make sets. The adapter is not judged, and not used until you say so.
          </>
        }
      >
        {run && !run.learning && view}
        <StartRun resumable={resumable} sets={sets} />
      </Section>
    </Page>
  );
}
