// What hone knows of the user's files: the indexed folders, and what is found in them, and why.
import { FolderGit2, FolderX, RefreshCw, Square } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Badge, Empty, Note, Problem, ProgressBar, Spinner } from "@/components/ui/feedback";
import { TextField } from "@/components/ui/field";
import { Page, Row, Rows, Section } from "@/components/ui/page";
import { count, plural } from "@/lib/format";
import { visible } from "@/lib/visible";
import { type Folder, type Job, isGoing, useFolders } from "./folders";
import { PassageSearch } from "./passage-search";

export function KnowledgePage() {
  const { folders, error, refetch, add, remove, stop } = useFolders();
  const going = isGoing(folders?.job);
  return (
    <Page
      title="Knowledge"
      about="Folders that hone has read. Questions about your code are answered from their passages, each cited by file and line."
    >
      <Section
        title="Folders"
        about="Changes are followed while hone runs. What .gitignore names, and files that look like keys, are left out."
      >
        <AddFolder busy={going || add.isPending} error={add.error} onAdd={(path) => add.mutateAsync(path)} />
        {folders?.job && <JobState job={folders.job} onStop={() => folders.job && stop.mutate(folders.job.id)} />}
        {error && !folders && <Problem error={error} onRetry={() => void refetch()} />}
        {!folders && !error && <Spinner label="Loading the folders" />}
        {folders?.roots.length === 0 && (
          <Empty icon={<FolderGit2 size={22} />} title="No folder is indexed yet">
            Add the folder of a project, and ask “where is this done?” in a conversation.
          </Empty>
        )}
        {folders && folders.roots.length > 0 && (
          <Rows label="Indexed folders">
            {folders.roots.map((folder) => (
              <Row key={folder.path}>
                <FolderRow
                  folder={folder}
                  busy={going}
                  onAgain={() => add.mutate(folder.path)}
                  onRemove={() => remove.mutate(folder.path)}
                />
              </Row>
            ))}
          </Rows>
        )}
      </Section>
      <PassageSearch folders={folders?.roots ?? []} />
    </Page>
  );
}

function AddFolder({
  busy,
  error,
  onAdd,
}: {
  busy: boolean;
  error: unknown;
  onAdd: (path: string) => Promise<unknown>;
}) {
  const [path, setPath] = useState("");
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        // What is wrong with the folder is said below, and its name stays.
        if (path.trim())
          void onAdd(path.trim()).then(
            () => setPath(""),
            () => undefined,
          );
      }}
    >
      <div className="flex flex-wrap items-end gap-3">
        <div className="min-w-60 flex-1">
          <TextField label="Folder to add" placeholder="/home/me/project" value={path} onText={setPath} />
        </div>
        <Button kind="primary" type="submit" disabled={busy || !path.trim()}>
          Index
        </Button>
      </div>
      {error !== null && <Problem error={error} />}
    </form>
  );
}

function FolderRow({
  folder,
  busy,
  onAgain,
  onRemove,
}: {
  folder: Folder;
  busy: boolean;
  onAgain: () => void;
  onRemove: () => void;
}) {
  return (
    <div className="flex items-center gap-2">
      <div className="min-w-0 flex-1">
        <p className="truncate font-mono text-xs font-medium" title={folder.path}>
          {visible(folder.path)}
        </p>
        <p className="text-muted mt-0.5 flex flex-wrap items-center gap-1.5 text-xs">
          {plural(folder.files, "file")} · {plural(folder.passages, "passage")}
          {folder.vectors < folder.passages && ` · ${count(folder.vectors)} found by meaning too`}
          {!folder.complete && <Badge kind="warn">not read to the end</Badge>}
          {!folder.present && <Badge kind="danger">the folder is gone</Badge>}
        </p>
      </div>
      <IconButton label={`Read ${folder.path} again`} disabled={busy} onClick={onAgain}>
        <RefreshCw size={14} />
      </IconButton>
      <IconButton label={`Take ${folder.path} out of the index`} disabled={busy} onClick={onRemove}>
        <FolderX size={14} />
      </IconButton>
    </div>
  );
}

function JobState({ job, onStop }: { job: Job; onStop: () => void }) {
  if (job.state === "failed")
    return <Problem error={`${job.path} could not be indexed: ${job.error ?? "the server's log says why"}`} />;
  if (!isGoing(job)) {
    const skipped = Object.entries(job.report?.skipped ?? {});
    if (skipped.length === 0) return null;
    return (
      <Note>
        Left out of {visible(job.path)}: {skipped.map(([reason, number]) => `${count(number)} ${reason}`).join(", ")}.
      </Note>
    );
  }
  const now = job.vectors ?? job.files;
  const what = job.vectors ? "Learning what passages mean" : "Reading files";
  return (
    <div className="border-line bg-raised flex items-center gap-3 rounded-lg border px-3.5 py-2.5">
      <div className="flex min-w-0 flex-1 flex-col gap-1.5">
        <p className="flex gap-3 text-xs">
          <span className="min-w-0 flex-1 truncate">
            {what} in {visible(job.path)}
          </span>
          {now && (
            <span className="text-muted tabular-nums">
              {count(now.done)} of {count(now.total)}
            </span>
          )}
        </p>
        <ProgressBar share={now && now.total > 0 ? now.done / now.total : 0} label={what} />
      </div>
      <Button size="sm" disabled={job.state === "stopping"} onClick={onStop}>
        <Square size={11} fill="currentColor" /> Stop
      </Button>
    </div>
  );
}
