// Looks into the index as a question would: which passages, in which order, and why.
import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { useState } from "react";
import { CodeBlock } from "@/components/markdown/code-block";
import { Button } from "@/components/ui/button";
import { Badge, Empty, Note, Problem, Spinner } from "@/components/ui/feedback";
import { Input, Select } from "@/components/ui/field";
import { Row, Rows, Section } from "@/components/ui/page";
import { type Schemas, api, unwrap } from "@/lib/api/client";
import { visible } from "@/lib/visible";
import type { Folder } from "./folders";

export function PassageSearch({ folders }: { folders: Folder[] }) {
  const [words, setWords] = useState("");
  const [within, setWithin] = useState("");
  const [asked, setAsked] = useState({ q: "", project: "" });
  const { data, error, isFetching } = useQuery({
    queryKey: ["passages", asked],
    queryFn: () =>
      unwrap(
        api.GET("/api/index/search", {
          params: { query: { q: asked.q, limit: 20, ...(asked.project && { project: asked.project }) } },
        }),
      ),
    enabled: asked.q !== "",
  });
  if (folders.length === 0) return null;
  return (
    <Section
      title="Look into the index"
      about="What a question would be answered from, and why each passage was found."
    >
      <form
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked({ q: words.trim(), project: within });
        }}
      >
        <Input
          type="search"
          aria-label="Question or words"
          placeholder="Where are uploads checked?"
          value={words}
          onChange={(event) => setWords(event.target.value)}
          className="min-w-52 flex-1"
        />
        {folders.length > 1 && (
          <Select
            aria-label="Folder"
            value={within}
            onChange={(event) => setWithin(event.target.value)}
            className="max-w-56"
          >
            <option value="">All folders</option>
            {folders.map(({ path }) => (
              <option key={path}>{path}</option>
            ))}
          </Select>
        )}
        <Button type="submit" disabled={!words.trim()}>
          <Search size={13} /> Find
        </Button>
      </form>
      {data?.note && <Note>{data.note}</Note>}
      {error && <Problem error={error} />}
      {isFetching && !data && <Spinner label="Looking" />}
      {data?.hits.length === 0 && (
        <Empty title="No passage was found">Try other words, or add the folder that they are in.</Empty>
      )}
      {data && data.hits.length > 0 && (
        <Rows label="Passages">
          {data.hits.map((hit) => (
            <Row key={`${hit.root}/${hit.path}:${hit.first_line}`}>
              <Passage hit={hit} />
            </Row>
          ))}
        </Rows>
      )}
    </Section>
  );
}

function Passage({ hit }: { hit: Schemas["PassageObject"] }) {
  return (
    <details>
      <summary className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <span className="min-w-0 flex-1 basis-52 truncate font-mono text-xs font-medium">
          {visible(hit.path)}:{hit.first_line}-{hit.last_line}
        </span>
        {hit.name && <span className="text-muted truncate text-xs">{visible(hit.name)}</span>}
        {hit.words_rank !== null && <Badge title="Its place among the results by words">words {hit.words_rank}</Badge>}
        {hit.meaning_rank !== null && (
          <Badge title="Its place among the results by meaning">meaning {hit.meaning_rank}</Badge>
        )}
        {hit.matched.length > 0 && <Badge kind="accent">{hit.matched.map(visible).join(", ")}</Badge>}
      </summary>
      <div className="pt-2.5">
        <CodeBlock language={/\.(\w+)$/.exec(hit.path)?.[1]} code={hit.text} />
      </div>
    </details>
  );
}
