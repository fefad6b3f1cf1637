import { calcPrice } from "@pydantic/genai-prices";
import type { LlmFacts } from "@runledger/contract";
import { describe, expect, it } from "vitest";
import { createPrices } from "./price.ts";
import { type PriceOverrides, parsePriceOverrides } from "./price-overrides.ts";

const AT = "2026-11-20T12:00:00.000000000Z";
const prices = createPrices(null);

function call(provider: string | null, response_model: string | null, facts: Partial<LlmFacts> = {}): LlmFacts {
  return {
    provider,
    request_model: null,
    response_model,
    response_id: null,
    system_prompt_sha256: null,
    prompt_sha256: null,
    tools_sha256: null,
    finish_reasons: [],
    input_tokens: 1_000_000,
    output_tokens: 1_000_000,
    cache_read_tokens: null,
    cache_write_tokens: null,
    reasoning_tokens: null,
    time_to_first_token_ms: null,
    streaming: null,
    counted: true,
    tool_requests: [],
    tool_results: [],
    ...facts,
  };
}
const usd = (...args: Parameters<typeof call>) => prices.cost(call(...args), AT)?.usd ?? null;

/** Each model by the provider's name in the telemetry, and the same by the table's own name. */
const MODELS: [provider: string | null, model: string, tableProvider: string, tableModel: string][] = [
  ["openai", "gpt-4o-2024-11-20", "openai", "gpt-4o"],
  ["OpenAI", "gpt-4o-mini", "openai", "gpt-4o-mini"],
  [null, "gpt-4.1-mini-2025-04-14", "openai", "gpt-4.1-mini"],
  ["openai", "gpt-5.6-sol", "openai", "gpt-5.6-sol"],
  ["openai", "o3", "openai", "o3"],
  [null, "ft:gpt-4o-2024-08-06:acme", "openai", "ft:gpt-4o-2024-08-06:x"],
  ["openai", "ft:gpt-4o-mini-2024-07-18:acme::b1", "openai", "ft:gpt-4o-mini-2024-07-18:x"],
  ["openai", "ft:gpt-4o-2024-08-06:acme", "openai", "ft:gpt-4o-2024-08-06:x"],
  ["azure.ai.openai", "gpt-4o-2024-11-20", "azure", "gpt-4o"],
  ["az.ai.openai", "gpt-4o", "azure", "gpt-4o"],
  ["azure.ai.inference", "claude-sonnet-4-5", "azure", "claude-sonnet-4-5"],
  ["anthropic", "claude-sonnet-4-20250514", "anthropic", "claude-sonnet-4-20250514"],
  ["anthropic", "claude-opus-4-6", "anthropic", "claude-opus-4-6"],
  ["aws.bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", "aws", "us.anthropic.claude-sonnet-4-20250514-v1:0"],
  ["aws_bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "aws", "anthropic.claude-3-haiku-20240307-v1:0"],
  [
    "aws.bedrock",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0",
    "aws",
    "anthropic.claude-3-haiku-20240307-v1:0",
  ],
  ["aws.bedrock", "amazon.nova-pro-v1:0", "aws", "amazon.nova-pro-v1:0"],
  ["aws.bedrock", "meta.llama3-70b-instruct-v1:0", "aws", "meta.llama3-70b-instruct-v1:0"],
  ["gcp.gemini", "gemini-2.5-pro", "google", "gemini-2.5-pro"],
  ["gcp.gen_ai", "models/gemini-2.5-flash", "google", "gemini-2.5-flash"],
  ["gcp.vertex_ai", "gemini-3.6-flash", "google", "gemini-3.6-flash"],
  ["gcp.vertex_ai", "claude-sonnet-4-5@20250929", "google", "claude-sonnet-4-5"],
  ["vertex_ai", "publishers/google/models/gemini-2.5-pro", "google", "gemini-2.5-pro"],
  ["openai", "gemini-2.5-flash", "google", "gemini-2.5-flash"],
  ["openai", "claude-sonnet-4-20250514", "anthropic", "claude-sonnet-4-20250514"],
  ["x_ai", "grok-4", "x-ai", "grok-4"],
  ["xai", "grok-4", "x-ai", "grok-4"],
  ["mistral_ai", "mistral-medium-latest", "mistral", "mistral-medium-latest"],
  ["mistral_ai", "codestral-latest", "mistral", "codestral-latest"],
  ["moonshot_ai", "kimi-k2-0711-preview", "moonshotai", "kimi-k2-0711-preview"],
  ["deepseek", "deepseek-chat", "deepseek", "deepseek-chat"],
  ["deepseek", "deepseek-v4-flash", "deepseek", "deepseek-v4-flash"],
  ["groq", "llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile"],
  ["perplexity", "sonar", "perplexity", "sonar"],
  ["cohere", "command-r-plus", "cohere", "command-r-plus"],
  ["together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"],
  ["openrouter", "anthropic/claude-sonnet-4", "openrouter", "anthropic/claude-sonnet-4"],
  ["openai", "anthropic/claude-sonnet-4-20250514", "anthropic", "claude-sonnet-4-20250514"],
  [null, "openai/gpt-4o", "openai", "gpt-4o"],
  ["litellm", "gpt-4o", "openai", "gpt-4o"],
  ["strands-agents", "gpt-4o", "openai", "gpt-4o"],
  ["litellm", "bedrock/anthropic.claude-3-haiku-20240307-v1:0", "aws", "anthropic.claude-3-haiku-20240307-v1:0"],
  ["litellm", "azure/gpt-4o", "azure", "gpt-4o"],
  ["openai", "vertex_ai/gemini-2.5-pro", "google", "gemini-2.5-pro"],
  ["litellm", "openrouter/anthropic/claude-sonnet-4", "openrouter", "anthropic/claude-sonnet-4"],
  ["gateway", "xai/grok-4", "x-ai", "grok-4"],
];
/** input, output, cache read, cache write. */
const USAGES: [number, number, number, number][] = [
  [1, 0, 0, 0],
  [1_117, 301, 0, 0],
  [123_457, 7_919, 100_003, 0],
  [150_001, 12_345, 99_991, 31_013],
  [200_000, 1, 0, 0],
  [200_001, 1, 0, 0],
  [999_999, 65_536, 555_555, 77_777],
];

describe("the price of a call", () => {
  it.each(MODELS)(
    "of %s %s is the table's own arithmetic, exact to 1e-9",
    (provider, model, tableProvider, tableModel) => {
      for (const [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens] of USAGES) {
        const usage = { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens };
        const own = calcPrice(usage, tableModel, { providerId: tableProvider, timestamp: new Date(AT) });
        const text = usd(provider, model, usage);
        expect(text).toMatch(/^\d+\.\d{9}$/);
        expect(Math.abs(Number(text) - (own?.total_price ?? Number.NaN))).toBeLessThanOrEqual(0.5e-9 + 1e-15);
      }
    },
  );

  it("is a decimal without the rests of floating point", () => {
    const usage = {
      input_tokens: 150_001,
      output_tokens: 12_345,
      cache_read_tokens: 99_991,
      cache_write_tokens: 31_013,
    };
    // 18,997 × 3 + 99,991 × 0.3 + 31,013 × 3.75 + 12,345 × 15, in millionths
    expect(usd("anthropic", "claude-sonnet-4-20250514", usage)).toBe("0.388462050");
    expect(usd("openai", "gpt-4o-mini", { input_tokens: 1, output_tokens: 0 })).toBe("0.000000150");
  });

  it("follows the tier of long contexts for the whole call", () => {
    const at = (input_tokens: number) => usd("gcp.gemini", "gemini-2.5-pro", { input_tokens, output_tokens: 1_000 });
    expect([at(200_000), at(200_001)]).toEqual(["0.260000000", "0.515002500"]);
  });

  it("follows the date and the hour of the call", () => {
    const at = (model: string, provider: string, time: string) => prices.cost(call(provider, model), time)?.usd;
    expect(at("o3", "openai", "2025-06-09T23:59:59.000000000Z")).toBe("50.000000000");
    expect(at("o3", "openai", "2025-06-10T00:00:00.000000000Z")).toBe("10.000000000");
    expect(at("deepseek-reasoner", "deepseek", "2025-05-01T16:29:59.000000000Z")).toBe("2.740000000");
    expect(at("deepseek-reasoner", "deepseek", "2025-05-01T16:30:00.000000000Z")).toBe("0.685000000");
  });

  it("takes cached and reasoning tokens as parts, never as extras", () => {
    expect(usd("openai", "gpt-4o", { cache_read_tokens: 1_000_000 })).toBe("11.250000000");
    expect(usd("openai", "gpt-4o", { reasoning_tokens: 900_000 })).toBe(usd("openai", "gpt-4o"));
    // No price of its own for what is read from the cache: it costs what input does.
    expect(usd("groq", "llama-3.3-70b-versatile", { cache_read_tokens: 1_000_000 })).toBe("1.380000000");
  });

  it("prices cache writes of an hour by themselves", () => {
    const writes = { cache_write_tokens: 1_000_000, output_tokens: 0 };
    const model = "claude-3-5-sonnet-20241022";
    expect(usd("anthropic", model, writes)).toBe("3.750000000");
    expect(usd("anthropic", model, { ...writes, cache_write_1h_tokens: 600_000 })).toBe("5.100000000");
  });

  it("of audio and pictures is the table's own arithmetic, where the telemetry tells them", () => {
    const tableUsd = (model: string, usage: Record<string, number>) => calcPrice(usage, model)?.total_price.toFixed(9);
    for (const model of ["gemini-2.5-flash", "gpt-realtime", "gemini-3-pro-preview"]) {
      const totals = { input_tokens: 100_000, output_tokens: 5_000, cache_read_tokens: 10_000 };
      const audio = { input_tokens: 60_000, output_tokens: 2_000, cache_read_tokens: 4_000 };
      const usage = { input_audio_tokens: 60_000, output_audio_tokens: 2_000, cache_audio_read_tokens: 4_000 };
      expect(usd(null, model, { ...totals, audio_tokens: audio })).toBe(tableUsd(model, { ...totals, ...usage }));
    }
    const heard = { input_tokens: 100_000, output_tokens: 0, audio_tokens: { input_tokens: 100_000 } };
    expect(usd("gcp.gemini", "gemini-2.5-flash", heard)).toBe("0.100000000");
    const drawn = { input_tokens: 10, output_tokens: 1_290, image_tokens: { output_tokens: 1_290 } };
    expect(usd("gcp.gemini", "gemini-2.5-flash-image", drawn)).toBe(
      tableUsd("gemini-2.5-flash-image", { input_tokens: 10, output_tokens: 1_290, output_image_tokens: 1_290 }),
    );
    // how much of it came from the cache is not told, nor can there be more audio than tokens
    expect(usd("gcp.gemini", "gemini-2.5-flash", { ...heard, cache_read_tokens: 5 })).toBeNull();
    expect(usd("gcp.gemini", "gemini-2.5-flash", { ...heard, input_tokens: 5 })).toBeNull();
    expect(usd("gcp.gemini", "gemini-3-pro-preview", { ...heard, cache_read_tokens: 5 })).not.toBeNull();
  });

  it("of an embedding is its input's, whose output nobody reports", () => {
    expect(usd("openai", "text-embedding-3-small", { output_tokens: null })).toBe("0.020000000");
    expect(usd(null, "text-embedding-3-small", { output_tokens: null })).toBe("0.020000000");
    expect(usd("voyageai", "voyage-3", { output_tokens: null })).toBe("0.060000000");
  });

  it("stays exact beyond what a double can hold", () => {
    const huge = { input_tokens: Number.MAX_SAFE_INTEGER, output_tokens: 0 };
    expect(usd("openai", "gpt-4o-mini", huge)).toBe("1351079888.211148650");
  });

  it("names the table and its version", () => {
    expect(prices.cost(call("openai", "gpt-4o"), AT)).toEqual({
      usd: "12.500000000",
      price_table: "@pydantic/genai-prices",
      price_version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  });
});

describe("what is unknown has no price, never zero", () => {
  it.each([
    ["a model that nobody knows", call("openai", "gpt-99-secret")],
    ["a provider that nobody knows", call("vllm", "gpt-4o")],
    ["no model", call("openai", null)],
    ["a local model with a name from the table", call("openai", "deepseek-r1:8b")],
    ["a local model without provider", call(null, "deepseek-r1:8b")],
    ["no input tokens", call("openai", "gpt-4o", { input_tokens: null })],
    ["no output tokens", call("openai", "gpt-4o", { output_tokens: null })],
    ["more cached tokens than tokens", call("openai", "gpt-4o", { input_tokens: 1, cache_read_tokens: 2 })],
    ["a model that is paid by the hour", call("openai", "whisper-1", { output_tokens: 0 })],
    ["a model without any price", call("openai", "text-moderation-latest")],
    ["output of a model that has only a price for input", call("openai", "text-embedding-3-small")],
    ["a name that is endless", call("openai", `gpt-4o${"-".repeat(100_000)}`)],
    ["a name like an object's", call("__proto__", "constructor")],
  ])("%s", (_what, llm) => {
    expect(prices.cost(llm, AT)).toBeNull();
  });

  it("takes the model that was asked for only where the answer's name is its dated form", () => {
    const asked = (request_model: string, response_model: string | null) =>
      usd("openai", response_model, { request_model });
    expect(asked("gpt-4o", null)).toBe("12.500000000");
    expect(asked("openai/gpt-oss-120b", "gpt-oss-120b-2031-01-01")).toBe(asked("gpt-oss-120b", null));
    expect(asked("gpt-4o", "llama-of-ours")).toBeNull();
    expect(asked("gpt-oss-120b", "gpt-oss-120b-9")).toBeNull();
  });
});

describe("context windows", () => {
  it("come from the table, where it knows them", () => {
    const windows = [call("openai", "gpt-4o"), call("anthropic", "claude-3-haiku-20240307"), call("vllm", "gpt-4o")];
    expect(windows.map(prices.contextWindow)).toEqual([128_000, 200_000, null]);
  });
});

describe("the user's own prices", () => {
  const file = (json: unknown) => Buffer.from(JSON.stringify(json));
  function read(json: unknown): PriceOverrides {
    const parsed = parsePriceOverrides(file(json));
    if ("faults" in parsed) throw new Error(parsed.faults.join("\n"));
    return parsed.overrides;
  }
  const own = createPrices(
    read({
      name: "acme",
      version: "2026-11",
      models: [
        {
          provider: "azure",
          model: "Our-GPT",
          input: 2,
          output: 8,
          cache_read: 0.5,
          cache_write: 3,
          context_window: 99,
        },
        { model_prefix: "llama", input: 0, output: 0 },
        { model_pattern: "^gpt-4o(-mini)?$", context_window: 64_000 },
        { provider: "openai", model: "gpt-4o", input: 1, output: 2 },
        { model: "embed", input: 0.07 },
      ],
    }),
  );
  const ownUsd = (...args: Parameters<typeof call>) => own.cost(call(...args), AT)?.usd ?? null;

  it("go before the table's, by exact name, prefix or pattern, with their table's name and version", () => {
    const usage = { cache_read_tokens: 100_000, cache_write_tokens: 10_000 };
    expect(own.cost(call("azure.ai.openai", "our-gpt", usage), AT)).toEqual({
      usd: "9.860000000",
      price_table: "acme",
      price_version: "2026-11",
    });
    expect(ownUsd("openai", "gpt-4o")).toBe("3.000000000");
    expect(own.cost(call("openai", "gpt-4o-mini"), AT)?.price_table).toBe("@pydantic/genai-prices");
    expect(ownUsd("vllm", "embed", { output_tokens: null })).toBe("0.070000000");
    expect(ownUsd("openai", "our-gpt")).toBeNull();
  });

  it("find a deployment by the model that was asked for", () => {
    expect(ownUsd("azure.ai.openai", "gpt-4o-2024-11-20", { request_model: "our-gpt" })).toBe("10.000000000");
  });

  it("can say that a model costs nothing, which is known whatever it read", () => {
    expect(ownUsd("vllm", "llama-3.3")).toBe("0.000000000");
    expect(ownUsd("vllm", "Llama-3.3", { input_tokens: null, output_tokens: null })).toBe("0.000000000");
  });

  it("give the context window too", () => {
    const of = (provider: string, model: string) => own.contextWindow(call(provider, model));
    expect([of("azure", "our-gpt"), of("openai", "gpt-4o"), of("openai", "gpt-4.1")]).toEqual([99, 64_000, 1_000_000]);
  });

  it("are named by the file's hash where they have no version", () => {
    expect(read({ name: "acme", models: [{ model: "a", input: 1 }] }).version).toMatch(/^[0-9a-f]{12}$/);
  });

  it("are refused with every fault of the file", () => {
    const models = [
      { model: "a", model_prefix: "b", input: 1 },
      { model: "a", input: -1 },
      { model_pattern: "(", input: 1 },
      { model: "a", output: 1 },
      { model: "a" },
      { model: "a", input: 1, currency: "EUR" },
    ];
    const parsed = parsePriceOverrides(file({ version: "", models }));
    expect("faults" in parsed && parsed.faults).toEqual([
      expect.stringMatching(/^name: /),
      expect.stringMatching(/^version: /),
      "models[0]: give one of model, model_prefix and model_pattern",
      expect.stringMatching(/^models\[1\]\.input: /),
      "models[2].model_pattern: is no regular expression",
      "models[3].input: is missing",
      "models[4]: give prices or a context_window",
      expect.stringMatching(/^models\[5\]: .*currency/),
    ]);
    expect(parsePriceOverrides(Buffer.from([0xff]))).toEqual({ faults: [expect.stringMatching(/^is no JSON text: /)] });
  });
});
