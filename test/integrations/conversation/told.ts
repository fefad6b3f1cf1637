/** What the agent of every conversation is and says: values that stand nowhere else, so that they are found again wherever they are told. */
export const RUN = {
  agent: "parcel-clerk",
  version: "3.2.1",
  taskType: "parcel-search",
  session: "session-desk-4",
  user: "user-mail-9",
};
export const SYSTEM = "You keep desk four.";
export const EARLIER = [
  { role: "user", content: "Good morning." },
  { role: "assistant", content: "And to you." },
] as const;
export const QUESTION = "Is parcel 77 there?";
export const PICTURE = "https://example.com/parcel-77.png";
export const DOCUMENT = { id: "house-rule-5", content: "Parcels lie on shelves." };
export const EMBEDDED = "a parcel on a shelf";
export const SETTINGS = { temperature: 0.35, topP: 0.85, maxTokens: 3210, seed: 4711, stop: ["HALT-NOW"] } as const;

const parameters = { type: "object", properties: { number: { type: "string" } }, required: ["number"] };
export const TOOLS = {
  find_parcel: { description: "Looks for a parcel", parameters, execute: async () => ({ shelf: "K12" }) },
  weigh_parcel: {
    description: "Puts a parcel on the scales",
    parameters,
    execute: async (): Promise<never> => {
      throw new RangeError("the scales are broken");
    },
  },
};
