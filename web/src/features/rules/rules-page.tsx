// Taught rules: those that hold, drafts to accept, and those that were replaced.
import { useQuery } from "@tanstack/react-query";
import { Check, ListChecks, Pencil, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { Editor } from "@/components/editor";
import { Button, IconButton } from "@/components/ui/button";
import { Badge, Empty, Problem, Spinner } from "@/components/ui/feedback";
import { Page, Row, Rows, Section } from "@/components/ui/page";
import { ago } from "@/lib/format";
import { visible } from "@/lib/visible";
import { Contradiction } from "./contradiction";
import { NewRule } from "./new-rule";
import { Uses } from "./uses";
import { type Rule, type Written, rulesQuery, useRules } from "./queries";

export function RulesPage() {
  const { data: rules, error, refetch } = useQuery(rulesQuery);
  const [like, setLike] = useState<Written | null>(null);
  const of = (state: string) => rules?.filter((rule) => rule.state === state) ?? [];
  const [drafts, active, replaced] = [of("draft"), of("active"), of("replaced")];
  return (
    <Page
      title="Rules"
      about="Lasting instructions that go with every question they apply to. Say “always use TypeScript” once, here or in a conversation."
    >
      <NewRule onWritten={setLike} />
      {like && like.like.length > 0 && <Contradiction written={like} onDone={() => setLike(null)} />}
      {error && <Problem error={error} onRetry={() => void refetch()} />}
      {!rules && !error && <Spinner label="Loading the rules" />}
      {drafts.length > 0 && (
        <Section
          title="Drafts"
          about="Heard in conversations, or in conflict with another rule. They hold once you accept them."
        >
          <List rules={drafts} onWritten={setLike} />
        </Section>
      )}
      {rules && (
        <Section title="In force">
          {active.length > 0 ? (
            <List rules={active} onWritten={setLike} />
          ) : (
            <Empty icon={<ListChecks size={22} />} title="No rule yet">
              Write the first one above. Projects bring their own in AGENTS.md and .hone/rules; these apply too and are
              not listed here.
            </Empty>
          )}
        </Section>
      )}
      {replaced.length > 0 && (
        <Section title="Replaced" about="Another rule has taken their place.">
          <List rules={replaced} onWritten={setLike} />
        </Section>
      )}
    </Page>
  );
}

function List({ rules, onWritten }: { rules: Rule[]; onWritten: (written: Written) => void }) {
  return (
    <Rows>
      {rules.map((rule) => (
        <Row key={rule.id}>
          <RuleRow rule={rule} onWritten={onWritten} />
        </Row>
      ))}
    </Rows>
  );
}

const SOURCES: Record<string, string> = { typed: "written by you", chat: "from a conversation", file: "from a file" };

function RuleRow({ rule, onWritten }: { rule: Rule; onWritten: (written: Written) => void }) {
  const { change, saveRule, forget } = useRules();
  const [editing, setEditing] = useState(false);
  if (editing) {
    return (
      <Editor
        label="Edit the rule"
        text={rule.text}
        save="Save"
        onCancel={() => setEditing(false)}
        onSave={async (text) => {
          onWritten(await saveRule(rule.id, text.trim()));
          setEditing(false);
        }}
      />
    );
  }
  return (
    <div className="flex items-start gap-2">
      <div className="min-w-0 flex-1">
        <p className={rule.state === "replaced" ? "text-muted line-through" : "break-words"}>{visible(rule.text)}</p>
        <p className="text-muted mt-1 flex flex-wrap items-center gap-1.5 text-xs">
          {rule.project && <Badge title={rule.project}>only in {visible(rule.project)}</Badge>}
          {rule.files && <Badge>only {visible(rule.files)}</Badge>}
          {!rule.project && !rule.files && <Badge>everywhere</Badge>}
          {SOURCES[rule.source] ?? rule.source} · {ago(rule.created)}
        </p>
        <Uses rule={rule.id} />
      </div>
      {rule.state !== "active" && (
        <Button size="sm" onClick={() => change.mutate({ id: rule.id, accept: true }, { onSuccess: onWritten })}>
          {rule.state === "draft" ? <Check size={13} /> : <Undo2 size={13} />}
          {rule.state === "draft" ? "Accept" : "Use again"}
        </Button>
      )}
      <IconButton label="Edit the rule" onClick={() => setEditing(true)}>
        <Pencil size={14} />
      </IconButton>
      <IconButton label="Forget the rule" onClick={() => forget(rule)}>
        <Trash2 size={14} />
      </IconButton>
    </div>
  );
}
