/** The data of each event of a transcript, in order. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function eventData(transcript: string): string[] {
  return transcript.split(/\r\n\r\n|\n\n|\r\r/).flatMap((event) => {
    const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
    return lines.length === 0 ? [] : [lines.map((line) => line.slice(line[5] === " " ? 6 : 5)).join("\n")];
  });
}

/** Undefined for what is no JSON: a cut last event; the transcript itself is recorded whole. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON where it is some: a model that writes none has written something all the same. */
export function jsonOrText(text: string): unknown {
  return jsonOrUndefined(text) ?? text;
}
