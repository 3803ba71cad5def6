// What the chat pages ask of the server, and what they tell it.
import { type QueryClient, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { tellError } from "@/components/ui/toast";
import { type Schemas, api, unwrap } from "@/lib/api/client";

export type Chat = Schemas["ChatObject"];
export type ChatWhole = Schemas["ChatWhole"];
export type Say = Schemas["Say"];

export const chatsQuery = queryOptions({
  queryKey: ["chats"],
  queryFn: () => unwrap(api.GET("/api/chats", { params: { query: { limit: 500 } } })).then(({ chats }) => chats),
});

export const chatQuery = (id: string) =>
  queryOptions({
    queryKey: ["chat", id],
    queryFn: () => unwrap(api.GET("/api/chats/{chat}", { params: { path: { chat: id } } })),
  });

export const foundQuery = (q: string) =>
  queryOptions({
    queryKey: ["chats", "search", q],
    queryFn: () =>
      unwrap(api.GET("/api/chats/search", { params: { query: { q, limit: 50 } } })).then(({ found }) => found),
    enabled: q.trim() !== "",
  });

export const createChat = (body: Schemas["ChatNew"] = {}) => unwrap(api.POST("/api/chats", { body }));

export const say = (chat: string, body: Say) =>
  unwrap(api.POST("/api/chats/{chat}/messages", { params: { path: { chat } }, body }));

export const editAnswer = (message: string, text: string) =>
  unwrap(api.POST("/api/messages/{message}/edit", { params: { path: { message } }, body: { text } }));

export const stopTurn = (turn: string) => unwrap(api.POST("/api/turns/{turn}/stop", { params: { path: { turn } } }));

export const allow = (turn: string, call: string, allow: boolean) =>
  unwrap(api.POST("/api/turns/{turn}/consent", { params: { path: { turn } }, body: { call, allow } }));

export const correctIntent = (text: string, meant: string) =>
  unwrap(api.POST("/api/intents", { body: { text, meant } }));

/** Reaches the server also from a page that is being closed. */
export const deleteChat = (chat: string) =>
  unwrap(api.POST("/api/chats/{chat}/delete", { params: { path: { chat } }, keepalive: true }));

export const judge = (message: string, kind: string, text?: string) =>
  unwrap(api.POST("/api/messages/{message}/feedback", { params: { path: { message } }, body: { kind, text } }));

/** Changes a conversation and puts what came back where it is shown. */
export function useChangeChat() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string } & Schemas["ChatEdit"]) =>
      unwrap(api.POST("/api/chats/{chat}", { params: { path: { chat: id } }, body })),
    onSuccess: (chat) => {
      client.setQueryData<ChatWhole>(["chat", chat.id], (whole) => whole && { ...whole, ...chat });
      void client.invalidateQueries({ queryKey: ["chats"], exact: true });
    },
    onError: tellError,
  });
}

/** A new message in the shown conversation, before the server is asked for all of it again. */
export function addMessage(client: QueryClient, chat: string, message: Schemas["MessageObject"]): void {
  client.setQueryData<ChatWhole>(
    ["chat", chat],
    (whole) =>
      whole && {
        ...whole,
        leaf: message.id,
        messages: [...whole.messages.filter(({ id }) => id !== message.id), message],
      },
  );
}
