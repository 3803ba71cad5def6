// A conversation as a file.
import { api, unwrap } from "@/lib/api/client";
import type { ChatWhole } from "./queries";
import { branchOf, textOf } from "./tree";

/** The whole conversation with all branches, as hone imports it again. */
export async function toJson(chat: ChatWhole): Promise<string> {
  const file = await unwrap(api.GET("/api/chats/{chat}/export", { params: { path: { chat: chat.id } } }));
  return JSON.stringify(file, null, 2) + "\n";
}

/** The shown branch, to read. */
export function toMarkdown(chat: ChatWhole): string {
  const names: Record<string, string> = { user: "You", assistant: "hone", tool: "Tool", system: "System" };
  const part = (role: string, text: string) => `## ${names[role] ?? role}\n\n${text.trim()}`;
  const parts = branchOf(chat.messages, chat.leaf).map((message) => part(message.role, textOf(message)));
  return [`# ${chat.title || "Conversation"}`, ...parts].join("\n\n") + "\n";
}

export function download(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
