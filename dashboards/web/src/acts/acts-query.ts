import type { ActList } from "@runledger/contract";
import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { getJson } from "../api/request.ts";
import { sinceOf } from "../runs/run-search.ts";
import type { ActsSearch } from "./acts-search.ts";

const PAGE = 100;

/** Newest first. Without a range: since ever. */
export const actsQuery = ({ action, actor, range }: ActsSearch) =>
  infiniteQueryOptions({
    queryKey: ["acts", action, actor, range],
    queryFn: ({ pageParam, signal }) =>
      getJson<ActList>(
        "/v1/acts",
        { action, actor, since: range === undefined ? undefined : sinceOf({ range }), limit: PAGE, cursor: pageParam },
        signal,
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
