import { type ApiError, type ApiErrorCode, apiError } from "@runledger/contract";
import { StorageError } from "@runledger/storage";
import type { FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { App } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";

/** Of every route that can fail: the error form of the contract. */
export const ERROR_RESPONSES = { "4xx": apiError, "5xx": apiError };

const STATUS_OF: Record<ApiErrorCode, number> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};
/** The closed list has no code of its own for it; its status is still told. */
const UNSUPPORTED_MEDIA_TYPE = 415;
const RETRY_AFTER_SECONDS = 2;

/** The one place where an error becomes an HTTP answer. The text of a 5xx is logged and never shown. */
export function registerErrorHandler(app: App): void {
  app.setErrorHandler(sendAnyError);
  app.setNotFoundHandler((request, reply) => {
    const error = new QueryApiError("not_found", `there is no ${request.method} ${request.url.split("?")[0]}`, {
      hint: "see /docs for every call",
    });
    return sendError(error, error, request, reply);
  });
}

export function sendAnyError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendError(toApiError(error), error, request, reply);
}

function sendError(shown: QueryApiError, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error) === UNSUPPORTED_MEDIA_TYPE ? UNSUPPORTED_MEDIA_TYPE : STATUS_OF[shown.code];
  // Who went away while we worked gets no answer and is no failure of ours: an agent that ends leaves its wait for kills.
  const isGone = reply.raw.destroyed && shown.retryable;
  if (status >= 500) request.log[isGone ? "debug" : "error"]({ err: error, url: request.url }, "request failed");
  if (shown.retryable && !reply.hasHeader("retry-after")) reply.header("retry-after", RETRY_AFTER_SECONDS);
  if (shown.code === "unauthenticated") reply.header("www-authenticate", 'Basic realm="runledger", charset="UTF-8"');
  const body: ApiError = {
    error: { code: shown.code, message: shown.message, hint: shown.hint, details: shown.details },
  };
  return reply.code(status).type("application/json; charset=utf-8").send(body);
}

function toApiError(error: unknown): QueryApiError {
  if (error instanceof QueryApiError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    const details = error.validation.flatMap(fieldsOf);
    const message = details.map((detail) => `${detail.field}: ${detail.message}`).join("; ");
    return new QueryApiError("invalid_argument", message, { details, hint: "see /docs for what this call takes" });
  }
  if (error instanceof StorageError && error.retryable) {
    return new QueryApiError("unavailable", "a store can't be reached just now", { hint: "try again shortly" });
  }
  return fromStatus(statusOf(error), error);
}

function fieldsOf(issue: { instancePath: string; message?: string; params?: unknown }): ApiError["error"]["details"] {
  const path = issue.instancePath.slice(1).replaceAll("/", ".");
  const unknown = unknownKeys(issue.params);
  if (unknown.length > 0) return unknown.map((key) => ({ field: key, message: "there is no such parameter" }));
  return [{ field: path === "" ? "body" : path, message: issue.message ?? "not valid" }];
}

/** zod's `unrecognized_keys` issue carries the keys beside the path. */
function unknownKeys(parameters: unknown): string[] {
  if (typeof parameters !== "object" || parameters === null || !("keys" in parameters)) return [];
  return Array.isArray(parameters.keys) ? parameters.keys.map(String) : [];
}

function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}

/** Errors of fastify and its plugins carry a status and, below 500, a text made for the caller. */
function fromStatus(status: number, error: unknown): QueryApiError {
  const message = error instanceof Error ? error.message : "not valid";
  if (status === 413) return new QueryApiError("too_large", message);
  if (status === 429) return new QueryApiError("rate_limited", message, { hint: "wait as Retry-After says" });
  if (status === 503) return new QueryApiError("unavailable", "the server is busy", { hint: "try again shortly" });
  if (status >= 400 && status < 500) return new QueryApiError("invalid_argument", message);
  return new QueryApiError("internal", "something went wrong here", { hint: "the server's log has the reason" });
}
