/** Everything the AI SDK does beside agents, each a run of its own, named by its function id. */
export async function runOperations(ai, openai, telemetry, specificationVersion) {
  const model = openai.chat("gpt-4o");
  const schema = ai.jsonSchema({
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  });
  const embedding = openai.embedding("text-embedding-3-small");
  await ai.generateObject({ model, schema, prompt: "Which city?", temperature: 0.2, ...telemetry("object") });
  const objects = ai.streamObject({ model, schema, prompt: "Which city now?", ...telemetry("stream-object") });
  for await (const _part of objects.partialObjectStream);
  await ai.embed({ model: embedding, value: "Paris", ...telemetry("embed") });
  await ai.embedMany({ model: embedding, values: ["Paris", "Rome"], ...telemetry("embed-many") });
  await ai.generateText({ model, prompt: "Try twice", maxRetries: 1, ...telemetry("retry") });
  await ai.generateText({ model, prompt: "Never", maxRetries: 1, ...telemetry("fail") }).catch(() => {});
  const broken = ai.streamText({
    model,
    prompt: "Break off",
    maxRetries: 0,
    onError: () => {},
    ...telemetry("broken"),
  });
  await broken.consumeStream();
  if (ai.rerank === undefined) return;
  const reranker = {
    specificationVersion,
    provider: "acme.reranking",
    modelId: "rerank-1",
    doRerank: async () => ({ ranking: [{ index: 1, relevanceScore: 0.9 }] }),
  };
  await ai.rerank({ model: reranker, documents: ["Paris", "Rome"], query: "Italy", topN: 1, ...telemetry("rerank") });
}
