// Why an adapter was taken, or not: the gate's report, in words and bars.
import { useQuery } from "@tanstack/react-query";
import { Check as CheckIcon, X } from "lucide-react";
import { Chart } from "@/components/chart";
import { Markdown } from "@/components/markdown/markdown";
import { Badge, Note, Spinner } from "@/components/ui/feedback";
import { ApiError, api, unwrap } from "@/lib/api/client";
import { duration, plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { type Change, type Check, type GateReport, groupsOf } from "./gate-report";
import { MeasuredRow } from "./measured";

const DECISIONS: Record<string, { text: string; kind: "accent" | "warn" | "danger" }> = {
  promote: { text: "promoted", kind: "accent" },
  hold: { text: "held", kind: "warn" },
  reject: { text: "rejected", kind: "danger" },
};

export function DecisionBadge({ decision }: { decision: string }) {
  const known = DECISIONS[decision.toLowerCase()] ?? { text: decision, kind: "warn" as const };
  return <Badge kind={known.kind}>{known.text}</Badge>;
}

export function Report({ adapter }: { adapter: string }) {
  const { data, error } = useQuery({
    queryKey: ["adapters", adapter, "report"],
    queryFn: () => unwrap(api.GET("/api/adapters/{adapter}/report", { params: { path: { adapter } } })),
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
  const { losses, changes } = report;
  const better = changes.filter(({ gain }) => gain > 0).length;
  return (
    <div className="flex flex-col gap-3 text-xs">
      <p>
        <DecisionBadge decision={report.decision} /> <span className="ml-1">{visible(report.because)}</span>
      </p>
      <p className="text-muted">
        Learned from {plural(report.learned, "example")} of {plural(report.chats.length, "conversation")}; {report.held}{" "}
        were held back to judge with, against {visible(report.against)}. It took {duration(report.seconds)}.
      </p>
      <Checks checks={report.checks} />
      {losses.length > 1 && (
        <Chart
          label="Loss of the training"
          height={140}
          x={losses.map((_, step) => step + 1)}
          curves={[{ label: "training loss", token: "--accent", values: losses }]}
        />
      )}
      {report.from.length > 0 && (
        <div>
          <h4 className="font-medium">Learned, among others</h4>
          <ul className="text-muted mt-1 list-disc pl-5">
            {report.from.map((question, index) => (
              <li key={index}>{visible(question)}</li>
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

/** The checks, those of one question together: what was found in words, and each number beside its limit. */
function Checks({ checks }: { checks: Check[] }) {
  return (
    <div className="flex flex-col gap-4">
      {groupsOf(checks).map(({ name, checks }) => (
        <div key={name}>
          <h4 className="flex items-baseline gap-2 font-medium">
            {QUESTIONS[name] ?? visible(name)}
            <span className="text-muted font-normal">
              {checks.filter(({ passed }) => passed).length} of {checks.length} passed
            </span>
          </h4>
          <ul className="mt-1.5 grid gap-2" aria-label={`Checks: ${QUESTIONS[name] ?? name}`}>
            {checks.map((check, index) => (
              <CheckRow key={index} check={check} />
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

function CheckRow({ check: { name, passed, found, measured } }: { check: Check }) {
  return (
    <li className="flex items-start gap-2">
      {passed ? (
        <CheckIcon size={14} className="text-good mt-px shrink-0" aria-label="passed" />
      ) : (
        <X size={14} className="text-danger mt-px shrink-0" aria-label="failed" />
      )}
      <div className="flex min-w-0 flex-1 flex-col gap-1">
        <p className="break-words">
          {visible(name.slice(name.indexOf(":") + 1).trim())} <span className="text-muted">{visible(found)}</span>
        </p>
        {measured.map((number) => (
          <MeasuredRow key={number.what} number={number} />
        ))}
      </div>
    </li>
  );
}

const QUESTIONS: Record<string, string> = {
  sanity: "Is it sound?",
  "not worse": "Is it no worse?",
  better: "Is it better?",
};

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
