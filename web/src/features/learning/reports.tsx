// What came of learning so far: each cycle with its decision, the newest first.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Problem } from "@/components/ui/feedback";
import { Row, Rows, Section } from "@/components/ui/page";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { visible } from "@/lib/visible";
import { whenOf } from "./gate-report";
import { DecisionBadge, ReportView } from "./report";

export function Reports() {
  const { data, error, refetch } = useQuery({
    queryKey: ["learn", "reports"],
    queryFn: () => unwrap(api.GET("/api/learn/reports")).then(({ reports }) => reports),
  });
  if (error && !data) return <Problem error={error} onRetry={() => void refetch()} />;
  if (!data || data.length === 0) return null;
  return (
    <Section
      title="What came of it"
      about="An adapter is put in use only where it is measured to be better, and worse in nothing."
    >
      <Rows label="Reports">
        {data.map((report, index) => (
          <Row key={report.run}>
            <ReportRow report={report} first={index === 0} />
          </Row>
        ))}
      </Rows>
    </Section>
  );
}

function ReportRow({ report, first }: { report: Schemas["LearnReport"]; first: boolean }) {
  const [open, setOpen] = useState(first);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="text-sm">
        <DecisionBadge decision={report.decision} /> <span className="ml-1">{whenOf(report.run)}</span>
        {!open && <span className="text-muted ml-2 text-xs">{visible(report.because)}</span>}
      </summary>
      {open && (
        <div className="mt-3">
          <ReportView report={report.detail} />
        </div>
      )}
    </details>
  );
}
