import { Link, Outlet } from "@tanstack/react-router";
import { ApprovalsLink } from "./control/approvals-link.tsx";
import { KillBanner } from "./control/kill-banner.tsx";
import { ReasonField } from "./reason/reason-field.tsx";

/** The frame around every page. */
export function Shell() {
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <header className="topbar">
        <Link to="/" className="brand">
          <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M8 10h10M8 16h16M8 22h7" />
          </svg>
          Runledger
        </Link>
        <nav aria-label="Pages">
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }}>
            Runs
          </Link>
          <Link to="/usage" activeOptions={{ includeSearch: false }}>
            Usage
          </Link>
          <ApprovalsLink />
          <Link to="/acts" activeOptions={{ includeSearch: false }}>
            Acts
          </Link>
        </nav>
        <ReasonField />
        <a className="topbar-end" href="/docs">
          API
        </a>
      </header>
      <KillBanner />
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

export function NotFound() {
  return (
    <div className="empty">
      <h1>No such page</h1>
      <p>
        <Link to="/">All runs</Link>
      </p>
    </div>
  );
}
