/** `gen_ai.provider.name` by the host that was called. Source: OpenTelemetry GenAI conventions, well-known provider names. */
const PROVIDERS: readonly (readonly [string, string])[] = [
  ["openai.azure.com", "azure.ai.openai"],
  ["inference.ai.azure.com", "azure.ai.inference"],
  ["services.ai.azure.com", "azure.ai.inference"],
  ["deepseek.com", "deepseek"],
  ["groq.com", "groq"],
  ["mistral.ai", "mistral_ai"],
  ["moonshot.ai", "moonshot_ai"],
  ["perplexity.ai", "perplexity"],
  ["x.ai", "x_ai"],
  ["openrouter.ai", "openrouter"],
  ["together.xyz", "together_ai"],
  ["googleapis.com", "gcp.gemini"],
];

/** A gateway or a server of one's own speaks for the provider whose wire format it has; `server.address` tells them apart. */
export function providerOf(host: string, formatsOwn: string): string {
  const known = PROVIDERS.find(([domain]) => host === domain || host.endsWith(`.${domain}`));
  return known?.[1] ?? formatsOwn;
}
