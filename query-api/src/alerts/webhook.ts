import { createHmac } from "node:crypto";

const SECRET_PREFIX = "whsec_";
const MAX_ERROR_CHARS = 200;

export interface WebhookSettings {
  url: string;
  /** Any text, or `whsec_` and base64 as Standard Webhooks has it. */
  secret: string;
  timeoutMs: number;
}

export interface WebhookMessage {
  /** The same for every attempt: who gets it twice can tell. */
  id: string;
  type: string;
  /** Of what is told, RFC 3339. */
  time: string;
  data: unknown;
  nowMs: number;
}

/**
 * Sends a message once, signed as https://www.standardwebhooks.com has it: `webhook-id`, `webhook-timestamp` (s) and
 * `webhook-signature`, an HMAC-SHA256 over `id.timestamp.body`. Resolves with null, or with why it did not arrive.
 */
export async function sendWebhook(
  settings: WebhookSettings,
  { id, type, time, data, nowMs }: WebhookMessage,
): Promise<string | null> {
  const body = JSON.stringify({ type, timestamp: time, data });
  const timestamp = Math.floor(nowMs / 1_000).toString();
  try {
    const response = await fetch(settings.url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "user-agent": "runledger",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(settings.secret, `${id}.${timestamp}.${body}`),
      },
      // A redirect could take it to somebody it was not meant for.
      redirect: "error",
      signal: AbortSignal.timeout(settings.timeoutMs),
    });
    await response.body?.cancel();
    return response.ok ? null : `HTTP ${response.status}`;
  } catch (error) {
    // Who may see alerts need not know where they go: its path may be all that keeps strangers from posting there.
    return reasonOf(error).replaceAll(settings.url, "the webhook").slice(0, MAX_ERROR_CHARS);
  }
}

function signature(secret: string, content: string): string {
  const isEncoded = secret.startsWith(SECRET_PREFIX);
  const key = isEncoded ? Buffer.from(secret.slice(SECRET_PREFIX.length), "base64") : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(content).digest("base64")}`;
}

/** fetch says "fetch failed" and why in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
