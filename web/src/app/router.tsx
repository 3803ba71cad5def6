// Every page and its address. Each is loaded when it is first seen.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Empty, Problem } from "@/components/ui/feedback";
import { Shell } from "./shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <div className="mx-auto max-w-lg p-8">
      <Empty title="There is no such page">The pages are in the list at the left, or behind the menu button.</Empty>
    </div>
  ),
});

const chat = () => import("./chat-routes");

const newChat = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(chat, "NewChat") });
const oneChat = createRoute({
  getParentRoute: () => root,
  path: "/c/$chat",
  component: lazyRouteComponent(chat, "OneChat"),
});
const knowledge = createRoute({
  getParentRoute: () => root,
  path: "/knowledge",
  component: lazyRouteComponent(() => import("@/features/knowledge/knowledge-page"), "KnowledgePage"),
});
const rules = createRoute({
  getParentRoute: () => root,
  path: "/rules",
  component: lazyRouteComponent(() => import("@/features/rules/rules-page"), "RulesPage"),
});
const learning = createRoute({
  getParentRoute: () => root,
  path: "/learning",
  component: lazyRouteComponent(() => import("@/features/learning/learning-page"), "LearningPage"),
});
const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  component: lazyRouteComponent(() => import("@/features/models/models-page"), "ModelsPage"),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./settings-route"), "SettingsRoute"),
});

export const router = createRouter({
  routeTree: root.addChildren([newChat, oneChat, knowledge, rules, learning, models, settings]),
  defaultPreload: "intent",
  defaultErrorComponent: ({ error, reset }) => (
    <div className="mx-auto max-w-lg p-8">
      <Problem error={error} onRetry={reset} />
    </div>
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
