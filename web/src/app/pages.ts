// The pages besides the chat, as the sidebar, the palette and the shortcuts know them.
import { Boxes, GraduationCap, Library, ListChecks, type LucideIcon, MessageSquare, Settings } from "lucide-react";

export interface PageEntry {
  to: "/" | "/knowledge" | "/rules" | "/learning" | "/models" | "/settings";
  name: string;
  icon: LucideIcon;
  keys: string;
}

export const PAGES: PageEntry[] = [
  { to: "/", name: "Chat", icon: MessageSquare, keys: "g c" },
  { to: "/knowledge", name: "Knowledge", icon: Library, keys: "g k" },
  { to: "/rules", name: "Rules", icon: ListChecks, keys: "g r" },
  { to: "/learning", name: "Learning", icon: GraduationCap, keys: "g l" },
  { to: "/models", name: "Models", icon: Boxes, keys: "g m" },
  { to: "/settings", name: "Settings", icon: Settings, keys: "g s" },
];
