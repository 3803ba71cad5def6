// One conversation: the thread, the composer, and the sources at the side.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { Drawer } from "@/components/ui/dialog";
import { Problem, Spinner } from "@/components/ui/feedback";
import { tellError } from "@/components/ui/toast";
import { ApiError } from "@/lib/api/client";
import type { Source } from "@/lib/api/events";
import { serverQuery } from "@/lib/api/queries";
import { useHotkeys } from "@/lib/hotkeys";
import { useWide } from "@/lib/wide";
import type { Answer } from "./answer";
import { ChatHeader } from "./chat-header";
import { Composer } from "./composer";
import { type Live, useLive } from "./live";
import {
  type ChatWhole,
  type Say,
  addMessage,
  chatQuery,
  createChat,
  deleteChat,
  editAnswer,
  say,
  stopTurn,
  useChangeChat,
} from "./queries";
import { SourcesPanel } from "./sources-panel";
import { Thread, type ThreadActions } from "./thread";
import { leafUnder } from "./tree";
import { Welcome } from "./welcome";

/** Questions that are answered a second time by the model alone, and shown side by side. */
const pairs = new Set<string>();

/** What was heard of an answer that the server did not get to keep. */
export type Heard = { question: string; answer: Answer } | null;

export function NewChatPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const begin = async (what: Say, sideBySide: boolean) => {
    const chat = await createChat();
    const { turn, question } = await say(chat.id, what).catch(async (error: unknown) => {
      // Without its question it is nothing to keep.
      await deleteChat(chat.id).catch(() => undefined);
      throw error;
    });
    if (sideBySide) pairs.add(question.id);
    client.setQueryData<ChatWhole>(["chat", chat.id], {
      ...chat,
      leaf: question.id,
      messages: [question],
      feedback: [],
      turn,
    });
    void client.invalidateQueries({ queryKey: ["chats"], exact: true });
    await navigate({ to: "/c/$chat", params: { chat: chat.id } });
    // The server has given it a title meanwhile.
    void client.invalidateQueries({ queryKey: ["chat", chat.id] });
  };
  return (
    <div className="flex h-full flex-col">
      <div className="min-h-0 flex-1 overflow-y-auto">
        <Welcome />
      </div>
      <Composer draft="new" onSend={begin} />
    </div>
  );
}

export function ChatPage({ id }: { id: string }) {
  const { data: chat, error, refetch } = useQuery(chatQuery(id));
  if (error && !chat) {
    return (
      <div className="mx-auto max-w-xl p-6">
        <Problem error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  if (!chat) {
    return (
      <div className="flex h-full items-center justify-center">
        <Spinner label="Loading the conversation" />
      </div>
    );
  }
  return <Conversation key={id} chat={chat} />;
}

function Conversation({ chat }: { chat: ChatWhole }) {
  const client = useQueryClient();
  const { live, heard, send, stop, compared } = useTurns(chat);
  const change = useChangeChat();
  const [cited, setCited] = useState<{ sources: Source[]; number: number } | null>(null);
  const wide = useWide("64rem");
  const context = useQuery(serverQuery).data?.context ?? null;
  const { mutate } = change;
  const messages = useCallback(
    () => client.getQueryData<ChatWhole>(["chat", chat.id])?.messages ?? [],
    [client, chat.id],
  );
  const actions = useMemo<ThreadActions>(
    () => ({
      send: (what) => void send(what, false).catch(tellError),
      ask: (what) => send(what, false),
      editAnswer: async (message, text) => {
        await editAnswer(message, text);
        await client.refetchQueries({ queryKey: ["chat", chat.id] });
      },
      messages,
      show: ({ id }) => mutate({ id: chat.id, leaf: leafUnder(messages(), id) }),
      cite: (sources, number) => setCited({ sources, number }),
    }),
    [chat.id, client, messages, send, mutate],
  );
  useHotkeys([{ keys: "escape", does: "Stop the answer", run: () => live && stop(), whileTyping: true }]);
  const panel = cited && (
    <SourcesPanel {...cited} onClose={() => setCited(null)} onChoose={(number) => setCited({ ...cited, number })} />
  );
  return (
    <div className="flex h-full">
      <div className="flex min-w-0 flex-1 flex-col">
        <ChatHeader chat={chat} />
        <Thread chat={chat} live={live} heard={heard} compared={compared} actions={actions} context={context} />
        <Composer draft={chat.id} onSend={send} onStop={live ? stop : undefined} chat={chat} />
      </div>
      {wide && panel && <aside className="border-line w-80 shrink-0 border-l xl:w-96">{panel}</aside>}
      {!wide && (
        <Drawer open={panel !== null} onClose={() => setCited(null)} label="Sources" side="right">
          {panel}
        </Drawer>
      )}
    </div>
  );
}

/** Says things, and follows the turn that answers them, also one that was begun elsewhere or before a reload. */
function useTurns(chat: ChatWhole) {
  const client = useQueryClient();
  const [begun, setBegun] = useState<{ turn: string; question: string | null } | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const [heard, setHeard] = useState<Heard>(null);
  const [compared, setCompared] = useState<string | null>(null);
  const turn = begun?.turn ?? (chat.turn === over ? null : chat.turn);

  const send = useCallback(
    async (what: Say, sideBySide: boolean) => {
      try {
        const { turn, question } = await say(chat.id, what);
        if (sideBySide) pairs.add(question.id);
        addMessage(client, chat.id, question);
        setHeard(null);
        setBegun({ turn, question: question.id });
      } catch (error) {
        // Another window has asked here: its turn is followed, and what was typed stays.
        if (error instanceof ApiError && error.code === "turn_in_progress")
          void client.refetchQueries({ queryKey: ["chat", chat.id] });
        throw error;
      }
    },
    [client, chat.id],
  );

  const ended = async ({ turn, question, answer }: Live, lost: boolean) => {
    setHeard(lost && question ? { question, answer } : null);
    await client.refetchQueries({ queryKey: ["chat", chat.id] });
    // A server that went away in between: what was heard stays in sight until it is back.
    if (question && client.getQueryState(["chat", chat.id])?.error) setHeard({ question, answer });
    setOver(turn);
    setBegun(null);
    void client.invalidateQueries({ queryKey: ["chats"], exact: true });
    if (!question || lost || !pairs.delete(question)) return;
    setCompared(question);
    await send({ again: question, adapter: "base" }, false).catch(tellError);
  };
  const live = useLive(turn, begun?.question ?? null, (live, lost) => void ended(live, lost));

  const stop = useCallback(() => {
    if (turn) void stopTurn(turn).catch(tellError);
  }, [turn]);
  return { live, heard, send, stop, compared };
}
