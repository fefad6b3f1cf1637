import { isMembers, jsonObject } from "./json-object.ts";
import { parsedJson } from "./json-text.ts";

/** What a tool was called with, out of how the SDKs write a function's arguments: `{args, kwargs}`, or LangChain's inputs. */
export function callArguments(input: string, parse = parsedJson): string {
  const said = jsonObject(input, parse);
  if (said === null) return input;
  const { args, kwargs, inputs, input_str: text } = said;
  if (inputs !== undefined && text !== undefined) return JSON.stringify(inputs ?? text);
  if (!Array.isArray(args)) return input;
  const named = isMembers(kwargs) && Object.keys(kwargs).length > 0;
  if (args.length === 0 && named) return JSON.stringify(kwargs);
  if (args.length !== 1 || named) return input;
  const [only] = args;
  return typeof only === "string" && jsonObject(only, parse) !== null ? only : JSON.stringify(only);
}
