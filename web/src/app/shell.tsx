// What stands around every page: the sidebar, the palette, the list of shortcuts, and the state of the server.
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { PanelLeft } from "lucide-react";
import { Suspense, lazy, useState, useSyncExternalStore } from "react";
import { IconButton } from "@/components/ui/button";
import { Drawer } from "@/components/ui/dialog";
import { keyWanted } from "@/lib/api/client";
import { type Hotkey, useHotkeys } from "@/lib/hotkeys";
import { useWide } from "@/lib/wide";
import { KeyDialog } from "./key-dialog";
import { PAGES } from "./pages";
import { useServerReturn } from "./return";
import { Shortcuts } from "./shortcuts";
import { Sidebar } from "./sidebar";
import { isDark, useTheme } from "./theme";

const Palette = lazy(() => import("./palette"));

export function Shell() {
  const wide = useWide("48rem");
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [, setTheme] = useTheme();
  const wanted = useSyncExternalStore(
    (tell) => keyWanted.subscribe(tell),
    () => keyWanted.value,
  );
  const navigate = useNavigate();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const inChat = path === "/" || path.startsWith("/c/");
  const hotkeys: Hotkey[] = [
    { keys: "mod+k", does: "Find anything", run: () => setPalette(true), whileTyping: true },
    { keys: "mod+shift+o", does: "New conversation", run: () => void navigate({ to: "/" }), whileTyping: true },
    { keys: "/", does: "Write a message", run: () => document.getElementById("composer")?.focus() },
    ...PAGES.map(({ to, name, keys }) => ({ keys, does: name, run: () => void navigate({ to }) })),
    { keys: "d", does: "Light or dark", run: () => setTheme(isDark() ? "light" : "dark") },
    { keys: "?", does: "These shortcuts", run: () => setHelp(true) },
  ];
  useHotkeys(hotkeys);
  useServerReturn();
  const sidebar = (
    <Sidebar onPalette={() => setPalette(true)} onHelp={() => setHelp(true)} onChoose={() => setDrawer(false)} />
  );
  return (
    <div className="flex h-full">
      <a
        href="#main"
        className="bg-accent text-on-accent sr-only z-50 rounded px-3 py-1.5 focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        To the page
      </a>
      {wide ? (
        <aside className="bg-panel border-line w-64 shrink-0 border-r">{sidebar}</aside>
      ) : (
        <>
          <IconButton
            label="Menu"
            className="bg-page/80 absolute top-2 left-2 z-30 size-8"
            onClick={() => setDrawer(true)}
          >
            <PanelLeft size={17} />
          </IconButton>
          <Drawer open={drawer} onClose={() => setDrawer(false)} label="Menu">
            {sidebar}
          </Drawer>
        </>
      )}
      <main id="main" className={wide || inChat ? "min-w-0 flex-1" : "min-w-0 flex-1 pt-9"} tabIndex={-1}>
        <Outlet />
      </main>
      {palette && (
        <Suspense>
          <Palette onClose={() => setPalette(false)} hotkeys={hotkeys} />
        </Suspense>
      )}
      <Shortcuts open={help} onClose={() => setHelp(false)} hotkeys={hotkeys} />
      {wanted && <KeyDialog />}
    </div>
  );
}
