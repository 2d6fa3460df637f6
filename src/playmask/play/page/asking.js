// Questions to the server. What it refuses, it refuses in one sentence of the page's language, which is shown as it is.
import { language, word } from "./words.js";

async function answered(path, body, signal) {
  let answer;
  const headers = { "Accept-Language": language() };
  const asked = body ? { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) } : { headers };
  try {
    answer = await fetch(`ask/${path}`, { ...asked, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(word("unreachable"));
  }
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  return answer;
}

export const ask = async (path, body, signal) => (await answered(path, body, signal)).json();

// The lines of JSON of an answer, one by one as they come.
export async function* askLines(path, body, signal) {
  const reader = (await answered(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const fields = JSON.parse(line);
      if (fields.error) throw new Error(fields.error.message);
      yield fields;
    }
    if (done) return;
  }
}
