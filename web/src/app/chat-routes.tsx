// The chat pages, as routes.
import { useParams } from "@tanstack/react-router";
import { ChatPage, NewChatPage } from "@/features/chat/chat-page";

export function NewChat() {
  return <NewChatPage />;
}

export function OneChat() {
  const { chat } = useParams({ from: "/c/$chat" });
  return <ChatPage id={chat} />;
}
