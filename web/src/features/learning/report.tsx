// Why an adapter was taken, or not: the gate's report, in words and bars.
import { useQuery } from "@tanstack/react-query";
import { Check, X } from "lucide-react";
import { Markdown } from "@/components/markdown/markdown";
import { Badge, Note, Spinner } from "@/components/ui/feedback";
import { ApiError, api, unwrap } from "@/lib/api/client";
import { duration, plural } from "@/lib/format";
import { visible } from "@/lib/visible";

interface Change {
  question: string;
  wanted: string;
  before: string;
  after: string;
  /** How much its loss fell, in nats a token. */
  gain: number;
}

export interface GateReport {
  decision: string;
  because: string;
  against: string;
  learned: number;
  held: number;
  chats: string[];
  from: string[];
  checks: { name: string; passed: boolean; found: string }[];
  changes: Change[];
  seconds: [number, number];
}

const DECISIONS: Record<string, { text: string; kind: "accent" | "warn" | "danger" }> = {
  promote: { text: "promoted", kind: "accent" },
  hold: { text: "held", kind: "warn" },
  reject: { text: "rejected", kind: "danger" },
};

export function Report({ adapter }: { adapter: string }) {
  const { data, error } = useQuery({
    queryKey: ["adapters", adapter, "report"],
    queryFn: () =>
      unwrap(
        api.GET("/api/adapters/{adapter}/report", { params: { path: { adapter } } }),
      ) as Promise<unknown> as Promise<GateReport>,
  });
  if (error instanceof ApiError && error.code === "no_report") {
    return (
      <p className="text-muted text-xs">
        It was trained or imported by hand, and not judged: “Use” is your own decision.
      </p>
    );
  }
  if (error) return <Note kind="warn">{error.message}</Note>;
  if (!data) return <Spinner label="Loading the report" />;
  return <ReportView report={data} />;
}

export function ReportView({ report }: { report: GateReport }) {
  const decision = DECISIONS[report.decision.toLowerCase()] ?? { text: report.decision, kind: "warn" as const };
  const changes = report.changes ?? [];
  const better = changes.filter(({ gain }) => gain > 0).length;
  return (
    <div className="flex flex-col gap-3 text-xs">
      <p>
        <Badge kind={decision.kind}>{decision.text}</Badge> <span className="ml-1">{visible(report.because)}</span>
      </p>
      <p className="text-muted">
        Learned from {plural(report.learned, "example")} of {plural(report.chats.length, "conversation")}; {report.held}{" "}
        were held back to judge with, against {visible(report.against)}. It took {duration(report.seconds[1])}.
      </p>
      <ul className="grid gap-1" aria-label="Checks">
        {report.checks.map(({ name, passed, found }) => (
          <li key={name} className="flex items-start gap-2">
            {passed ? (
              <Check size={14} className="text-good shrink-0" aria-label="passed" />
            ) : (
              <X size={14} className="text-danger shrink-0" aria-label="failed" />
            )}
            <span className="font-medium">{visible(name)}</span>
            <span className="text-muted min-w-0">{visible(found)}</span>
          </li>
        ))}
      </ul>
      {report.from.length > 0 && (
        <div>
          <h4 className="font-medium">Learned, among others</h4>
          <ul className="text-muted mt-1 list-disc pl-5">
            {report.from.map((question) => (
              <li key={question}>{visible(question)}</li>
            ))}
          </ul>
        </div>
      )}
      {changes.length > 0 && (
        <div>
          <h4 className="font-medium">
            Better on {better} of {changes.length} new examples
          </h4>
          <Gains changes={changes} />
          {changes[0] && changes[0].gain > 0 && <BeforeAfter change={changes[0]} />}
        </div>
      )}
    </div>
  );
}

/** A bar an example: to the right where its loss fell, to the left where it rose. */
function Gains({ changes }: { changes: Change[] }) {
  const largest = Math.max(...changes.map(({ gain }) => Math.abs(gain)), 1e-6);
  return (
    <ul className="mt-1.5 flex flex-col gap-1" aria-label="Gain of each example">
      {changes.slice(0, 20).map(({ question, gain }, index) => (
        <li key={index} className="flex items-center gap-2">
          <span className="text-muted w-1/2 truncate">{visible(question)}</span>
          <span className="bg-hover relative h-2 flex-1 rounded-full" aria-hidden>
            <span
              className={
                gain >= 0
                  ? "bg-good absolute left-1/2 h-2 rounded-r-full"
                  : "bg-danger absolute right-1/2 h-2 rounded-l-full"
              }
              style={{ width: `${(Math.abs(gain) / largest) * 50}%` }}
            />
          </span>
          <span className="w-14 text-right tabular-nums">
            {gain >= 0 ? "+" : "−"}
            {Math.abs(gain).toFixed(3)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function BeforeAfter({ change }: { change: Change }) {
  return (
    <div className="mt-3 grid gap-3 sm:grid-cols-2">
      {[
        { name: "Before", text: change.before },
        { name: "After", text: change.after },
      ].map(({ name, text }) => (
        <div key={name} className="border-line min-w-0 rounded-lg border p-2.5">
          <h5 className="text-muted mb-1 font-medium">{name}</h5>
          <Markdown text={text} />
        </div>
      ))}
    </div>
  );
}
