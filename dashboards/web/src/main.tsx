import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/runs.css";
import "./styles/run-table.css";
import "./styles/usage.css";
import "./styles/run.css";
import "./styles/waterfall.css";
import "./styles/step.css";
import "./styles/control.css";
import "./styles/reason.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { shouldRetry } from "./api/queries.ts";
import { createPageRouter } from "./router.tsx";

const client = new QueryClient({ defaultOptions: { queries: { retry: shouldRetry, retryDelay: 800 } } });
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={createPageRouter()} />
    </QueryClientProvider>
  </StrictMode>,
);
