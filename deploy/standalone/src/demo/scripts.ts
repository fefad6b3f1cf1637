import type { FakeAnswer, FakeRequest, FakeScript } from "./fake-model.ts";

/** How the demo's models behave, one script a scenario; `toolResults` and `earlier` say how far it is. */
export function createScripts(random: () => number): Record<string, FakeScript> {
  const timed =
    (script: FakeScript): FakeScript =>
    (request) => ({
      delayMs: 200 + Math.round(random() * 600),
      chunkDelayMs: 15,
      ...script(request),
    });
  return {
    support: timed(support),
    runaway: timed(runaway),
    hallucination: timed(hallucination),
    "retry-recovers": timed(retryRecovers),
    "retry-fails": timed(() => ({
      status: 500,
      content: "The server had an error processing your request.",
      headers: QUICK_RETRY,
    })),
    crash: timed(crash),
    research: timed(research),
    reader: timed(reader),
    claims: timed(claims),
  };
}

/** So that a demo's retries take milliseconds, not seconds. */
const QUICK_RETRY = { "retry-after-ms": "150" };

function support({ toolResults }: FakeRequest): FakeAnswer {
  switch (toolResults) {
    case 0:
      return {
        toolCalls: [{ name: "find_customer", arguments: { email: "mara.lindqvist@example.com" } }],
        usage: { prompt: 812, completion: 23 },
      };
    case 1:
      return {
        toolCalls: [
          { name: "list_orders", arguments: { customer_id: "cus_48121", limit: 3 } },
          { name: "search_policies", arguments: { query: "return window for damaged items" } },
        ],
        usage: { prompt: 904, completion: 58, cached: 768 },
      };
    case 3:
      return {
        toolCalls: [{ name: "create_return_label", arguments: { order_id: "ord_90417", reason: "arrived damaged" } }],
        usage: { prompt: 1_391, completion: 31, cached: 896 },
      };
    default:
      return {
        content:
          "Hi Mara, I'm sorry the lamp arrived with a cracked shade. Order ord_90417 is within our 30-day window for damaged items, " +
          "so a replacement is free. I've e-mailed you a prepaid return label (RL-55302); the replacement ships as soon as the parcel is scanned.",
        usage: { prompt: 1_502, completion: 67, cached: 1_280 },
      };
  }
}

function runaway({ toolResults }: FakeRequest): FakeAnswer {
  return {
    content: toolResults === 0 ? "Let me check whether the export is ready." : "Not ready yet, checking again.",
    toolCalls: [{ name: "get_export_status", arguments: { export_id: "exp_7731" } }],
    delayMs: 220,
    usage: { prompt: 640 + toolResults * 71, completion: 29, cached: toolResults === 0 ? 0 : 512 },
  };
}

function hallucination({ toolResults }: FakeRequest): FakeAnswer {
  switch (toolResults) {
    case 0:
      return {
        toolCalls: [{ name: "lookup_invoice", arguments: { invoice: "INV-2291" } }],
        usage: { prompt: 512, completion: 21 },
      };
    case 1:
      return {
        content: "The invoice was charged twice. I'll refund the second charge.",
        toolCalls: [{ name: "issue_instant_refund", arguments: { invoice: "INV-2291", amount: 129, currency: "EUR" } }],
        usage: { prompt: 608, completion: 44 },
      };
    case 2:
      return {
        content: "There is no such tool, so I'll open a case for the billing team instead.",
        toolCalls: [
          { name: "open_case", arguments: { team: "billing", subject: "Double charge on INV-2291", priority: "high" } },
        ],
        usage: { prompt: 702, completion: 52, cached: 512 },
      };
    default:
      return {
        content:
          "INV-2291 was charged twice on 3 May. I have opened case BIL-1184; the billing team refunds within two working days.",
        usage: { prompt: 781, completion: 41, cached: 640 },
      };
  }
}

function retryRecovers({ earlier }: FakeRequest): FakeAnswer {
  if (earlier === 0)
    return {
      status: 429,
      content: "Rate limit reached for gpt-4o in organization org-demo: 30000 tokens per min.",
      headers: QUICK_RETRY,
    };
  if (earlier === 1)
    return { status: 500, content: "The server had an error processing your request.", headers: QUICK_RETRY };
  return {
    content: "category: billing\nurgency: high\nsummary: customer was charged twice",
    usage: { prompt: 388, completion: 19 },
  };
}

function crash({ toolResults }: FakeRequest): FakeAnswer {
  return {
    toolCalls: [{ name: "import_page", arguments: { source: "crm", page: toolResults + 1 } }],
    usage: { prompt: 455 + toolResults * 120, completion: 18 },
  };
}

function research({ toolResults }: FakeRequest): FakeAnswer {
  switch (toolResults) {
    case 0:
      return {
        toolCalls: [
          { name: "read_source", arguments: { topic: "grid-scale sodium-ion cost per kWh" } },
          { name: "read_source", arguments: { topic: "announced sodium-ion plants 2025-2027" } },
        ],
        usage: { prompt: 18_420, completion: 644, reasoning: 512 },
      };
    case 2:
      return {
        toolCalls: [{ name: "read_source", arguments: { topic: "cycle life at 40 °C, independent tests" } }],
        usage: { prompt: 46_310, completion: 918, cached: 17_920, reasoning: 640 },
      };
    default:
      return {
        content:
          "# Sodium-ion for grid storage\n\nCell cost is within 10 % of LFP at today's lithium price; the case rests on cold-weather performance " +
          "and supply security rather than price. Three independent tests put cycle life at 40 °C at 4,100 to 5,200 cycles. Confidence: medium.",
        usage: { prompt: 71_204, completion: 2_317, cached: 45_824, reasoning: 1_088 },
      };
  }
}

function claims({ toolResults }: FakeRequest): FakeAnswer {
  switch (toolResults) {
    case 0:
      return {
        toolCalls: [{ name: "assess_damage", arguments: { claim: "CL-2231" } }],
        usage: { prompt: 702, completion: 21 },
      };
    case 1:
      return {
        toolCalls: [{ name: "pay_out", arguments: { claim: "CL-2231", eur: 350 } }],
        usage: { prompt: 811, completion: 26, cached: 640 },
      };
    default:
      return {
        content: "Your claim CL-2231 is settled: 350 EUR are on their way to DE89370400440532013000.",
        usage: { prompt: 902, completion: 34, cached: 768 },
      };
  }
}

function reader(): FakeAnswer {
  return {
    content:
      "- Two of four sources are vendor claims.\n- Independent figures: 61 to 74 USD/kWh at cell level.\n- Oldest source: 14 months.",
    usage: { prompt: 9_870, completion: 212 },
  };
}
