import { createRootRoute, createRoute, createRouter } from "@tanstack/react-router";
import { ActsPage } from "./acts/acts-page.tsx";
import { readActsSearch } from "./acts/acts-search.ts";
import { ApprovalsPage } from "./control/approvals-page.tsx";
import { RunPage } from "./run/run-page.tsx";
import { readRunSearch } from "./runs/run-search.ts";
import { RunsPage } from "./runs/runs-page.tsx";
import { NotFound, Shell } from "./shell.tsx";
import { UsagePage } from "./usage/usage-page.tsx";
import { readUsageSearch } from "./usage/usage-search.ts";

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const runsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  component: RunsPage,
  validateSearch: readRunSearch,
});
const runRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs/$runId",
  component: RunPage,
  validateSearch: (raw: Record<string, unknown>): { step?: string } =>
    raw["step"] ? { step: String(raw["step"]) } : {},
});
const usageRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/usage",
  component: UsagePage,
  validateSearch: readUsageSearch,
});

const approvalsRoute = createRoute({ getParentRoute: () => rootRoute, path: "/approvals", component: ApprovalsPage });
const actsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/acts",
  component: ActsPage,
  validateSearch: readActsSearch,
});

export function createPageRouter() {
  return createRouter({
    routeTree: rootRoute.addChildren([runsRoute, runRoute, usageRoute, approvalsRoute, actsRoute]),
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createPageRouter>;
  }
}
