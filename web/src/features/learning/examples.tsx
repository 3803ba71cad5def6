// What would be learned of the conversations: every answer, kept or not, why, and the user's word on it.
import { useIsMutating, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Badge, Empty, Problem, Spinner } from "@/components/ui/feedback";
import { Segments, Select } from "@/components/ui/field";
import { Row, Rows, Section } from "@/components/ui/page";
import { tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { ago, count, plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { ExampleText, bettering } from "./example-text";

type Example = Schemas["ExampleObject"];
type Counted = Schemas["ExportCounts"];

const SIGNALS: Record<string, string> = {
  edited: "you rewrote it",
  rule: "a rule came of it",
  up: "thumb up",
  kept: "you kept its code",
  accepted: "you took it in the editor",
  silence: "you said nothing",
  down: "thumb down",
  regenerated: "you asked again",
  correction: "you corrected it",
};
const SHOWN = 100;

export function Examples() {
  const [kept, setKept] = useState<"true" | "false">("true");
  const { data, error, refetch } = useQuery({
    queryKey: ["export", kept],
    queryFn: () => unwrap(api.GET("/api/export", { params: { query: { kept: kept === "true", limit: SHOWN } } })),
  });
  return (
    <Section
      title="What would be learned"
      about="Every answer of your conversations, and whether it is an example to learn from. Secrets, and text of files, pages and tools, never are."
      actions={
        <Segments
          label="Which"
          value={kept}
          onChange={setKept}
          options={[
            { value: "true", label: "Learned" },
            { value: "false", label: "Left out" },
          ]}
        />
      }
    >
      {error && <Problem error={error} onRetry={() => void refetch()} />}
      {!data && !error && <Spinner label="Looking through the conversations" />}
      {data && <Counts counts={data.counts} />}
      {data?.examples.length === 0 && (
        <Empty title={kept === "true" ? "Nothing to learn from yet" : "Nothing was left out"}>
          {kept === "true" && "Say what you think of answers: a thumb, a better version, “Keep” on code that was good."}
        </Empty>
      )}
      {data && data.examples.length > 0 && (
        <Rows label="Examples">
          {[...data.examples].reverse().map((example) => (
            <Row key={example.message}>
              <ExampleRow example={example} />
            </Row>
          ))}
        </Rows>
      )}
    </Section>
  );
}

function Counts({ counts }: { counts: Counted }) {
  const list = (numbers: Record<string, number>, names: Record<string, string>) =>
    Object.entries(numbers)
      .map(([name, number]) => `${names[name] ?? name.replaceAll("-", " ")} ${count(number)}`)
      .join(", ");
  return (
    <p className="text-muted text-xs">
      {plural(counts.kept, "example")} of {plural(counts.looked_at, "answer")}
      {counts.kept > 0 && `: ${list(counts.signals, SIGNALS)}`}.{" "}
      {counts.kept < counts.looked_at && `Left out: ${list(counts.dropped, {})}.`}
    </p>
  );
}

function ExampleRow({ example }: { example: Example }) {
  const client = useQueryClient();
  const choose = useMutation({
    mutationFn: (learn: boolean | null) =>
      unwrap(api.POST("/api/export/{message}", { params: { path: { message: example.message } }, body: { learn } })),
    onError: tellError,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["export"] });
      void client.invalidateQueries({ queryKey: ["learn"] });
    },
  });
  const replaced = useIsMutating({ mutationKey: bettering(example.message) }) > 0;
  const choice = (value: string) => choose.mutate(value === "auto" ? null : value === "yes");
  return (
    <div className="flex flex-wrap items-start gap-x-3 gap-y-1.5">
      <div className="min-w-0 flex-1 basis-64">
        <p className="truncate">{visible(example.question) || "(not shown)"}</p>
        <p className="text-muted mt-0.5 flex flex-wrap items-center gap-1.5 text-xs">
          <Badge kind={example.kept ? "accent" : "plain"}>{SIGNALS[example.signal] ?? example.signal}</Badge>
          {example.kept && <span title="How much it counts beside others">weight {example.weight.toFixed(2)} ·</span>}
          <span>{visible(example.why)}</span>
          <span>· {ago(example.time)}</span>
        </p>
        {example.chat && <ExampleText chat={example.chat} message={example.message} />}
      </div>
      <div className="w-36 shrink-0">
        <Select
          aria-label="Learn from this"
          value={example.chosen === null ? "auto" : example.chosen ? "yes" : "no"}
          disabled={choose.isPending || replaced || !example.chat}
          onChange={(event) => choice(event.target.value)}
          className="text-xs"
        >
          <option value="auto">hone decides</option>
          <option value="yes">learn it</option>
          <option value="no">leave it out</option>
        </Select>
      </div>
    </div>
  );
}
