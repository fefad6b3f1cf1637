import { createTool } from "@mastra/core/tools";
import { z } from "zod";

const inputSchema = z.object({ city: z.string() });

export const weatherTools = {
  get_wardrobe: createTool({
    id: "get_wardrobe",
    description: "What hangs in the wardrobe",
    inputSchema,
    execute: async () => {
      throw new TypeError("the wardrobe is locked");
    },
  }),
  get_weather: createTool({
    id: "get_weather",
    description: "The weather in a city",
    inputSchema,
    execute: async ({ city }) => ({ city, degrees: 21 }),
  }),
};
