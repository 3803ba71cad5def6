// Learning: runs, what would be learned, and what has been learned.
import { Problem } from "@/components/ui/feedback";
import { Page, Section } from "@/components/ui/page";
import { Adapters } from "./adapters";
import { Examples } from "./examples";
import { useRun } from "./run";
import { RunView } from "./run-view";
import { StartRun } from "./start";

export function LearningPage() {
  const { run, resumable, sets, known, error, refetch } = useRun();
  return (
    <Page
      title="Learning"
      about="hone trains small adapters on this machine, in the gaps between answers. Nothing that it learns from leaves the machine."
    >
      <Section
        title="Training"
        about={
          <>
            From a set of examples, which <code className="font-mono">hone data fetch</code> and{" "}
            <code className="font-mono">hone data build</code> make. Answers go on meanwhile, a little more slowly.
          </>
        }
      >
        {error && <Problem error={error} onRetry={() => void refetch()} />}
        {run && <RunView run={run} known={known} />}
        <StartRun resumable={resumable} sets={sets} />
      </Section>
      <Adapters />
      <Examples />
    </Page>
  );
}
