import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";

const INDEX = fileURLToPath(new URL("../src/index.ts", import.meta.url));
export const REFERENCE = fileURLToPath(new URL("../../docs/sdk/reference.md", import.meta.url));

interface Exported {
  name: string;
  /** Of its docstring. */
  words: string;
  /** TypeScript: what callers see of it. */
  code: string;
}

/** The reference of all that `@runledger/sdk` exports: docstrings and types as the sources have them, in the order of their names, what one begins with first. */
export function writeReference(): string {
  const all = exportsOf(INDEX).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  const links = all.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(" · ");
  const sections = all.map(
    ({ name, words, code }) => `## ${name}\n\n${words === "" ? "" : `${words}\n\n`}\`\`\`typescript\n${code}\n\`\`\`\n`,
  );
  return `# Reference of \`@runledger/sdk\`\n\nGenerated from the types by \`npm run docs:sdk\`; what stands here is what your editor shows.\n\n${links}\n\n${sections.join("\n")}`;
}

const FIRST = ["createRunledger", "Ledger", "Settings", "WrapOptions", "Limits", "CreateTool", "ToolDefinition"];
function rank({ name }: Exported): number {
  const place = FIRST.indexOf(name);
  return place === -1 ? FIRST.length : place;
}

const EXPORT = /export (?:type )?\{([^}]*)\} from "(\.[^"]*)"/g;
function exportsOf(index: string): Exported[] {
  const text = readFileSync(index, "utf8");
  return [...text.matchAll(EXPORT)].flatMap(([, names = "", path = ""]) => {
    const wanted = names.split(",").map((name) => name.replace(/^\s*type /, "").trim());
    return wanted.filter((name) => name !== "").map((name) => declarationOf(join(dirname(index), path), name));
  });
}

function declarationOf(file: string, name: string): Exported {
  const text = readFileSync(file, "utf8");
  for (const node of parseAst(text, { lang: "ts" }).body) {
    if (node.type !== "ExportNamedDeclaration" || node.declaration === null) continue;
    const { declaration } = node;
    if (
      !("id" in declaration) ||
      declaration.id === null ||
      !("name" in declaration.id) ||
      declaration.id.name !== name
    )
      continue;
    const code = text
      .slice(node.start, codeEnd(declaration, node.end))
      .replace(/^export /, "")
      .trimEnd();
    return { name, words: wordsBefore(text.slice(0, node.start)), code };
  }
  throw new Error(`${file} declares no ${name} that the reference could show`);
}

/** Of a function its head, of a class its head and fields. */
function codeEnd(declaration: { type: string; body?: unknown }, end: number): number {
  const body = declaration.body as { start: number; body: { type: string; start: number }[] } | null | undefined;
  if (declaration.type === "FunctionDeclaration" && body) return body.start;
  if (declaration.type === "ClassDeclaration" && body) {
    return body.body.find(({ type }) => type === "MethodDefinition")?.start ?? end;
  }
  return end;
}

function wordsBefore(text: string): string {
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text)?.[1] ?? "";
  return comment
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .join("\n")
    .trim();
}
