// @google/genai, on both backends.

import { writeFileSync } from "node:fs";
import { FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";
import { catchError, check, runRows } from "./rows.mjs";

const baseUrl = process.env.EMULATOR_URL;
const model = "gemini-2.5-flash";
const api = new GoogleGenAI({ apiKey: "any-key", httpOptions: { baseUrl } });
const vertex = new GoogleGenAI({ vertexai: true, apiKey: "any-key", httpOptions: { baseUrl } });
const weather = {
  name: "get_weather",
  parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
};

async function join(chunks) {
  let text = "";
  for await (const chunk of chunks) {
    text += chunk.text ?? "";
  }
  return text;
}

await runRows(["@google/genai"], {
  async generate() {
    const response = await api.models.generateContent({ model, contents: "Why?" });
    check(response.text.includes("You asked: “Why?”"), response);
    check(response.usageMetadata.totalTokenCount > 0, response);
  },
  async stream() {
    const text = await join(await api.models.generateContentStream({ model, contents: "Why?" }));
    check(text.includes("Why?"), text);
  },
  async chat() {
    const chat = api.chats.create({ model });
    await chat.sendMessage({ message: "One?" });
    const response = await chat.sendMessage({ message: "Two?" });
    check(response.text.includes("Before that came 2 turns."), response.text);
  },
  async "tools round trip"() {
    const tools = [{ functionDeclarations: [weather] }];
    const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } };
    const first = await api.models.generateContent({ model, contents: "Rome", config: { tools, toolConfig } });
    const [call] = first.functionCalls;
    check(call.args.city === "Rome", call);
    const response = { functionResponse: { id: call.id, name: call.name, response: { result: "fine in Rome" } } };
    const contents = [
      { role: "user", parts: [{ text: "Rome" }] },
      first.candidates[0].content,
      { role: "user", parts: [response] },
    ];
    const second = await api.models.generateContent({ model, contents, config: { tools } });
    check(second.text.includes("fine in Rome"), second.text);
  },
  async "structured output"() {
    const responseSchema = { type: Type.OBJECT, properties: { minutes: { type: Type.INTEGER } } };
    const config = { responseMimeType: "application/json", responseSchema };
    const response = await api.models.generateContent({ model, contents: "Pie?", config });
    check(Number.isInteger(JSON.parse(response.text).minutes), response.text);
  },
  async "image as input"() {
    const image = { inlineData: { data: "iVBORw==", mimeType: "image/png" } };
    const response = await api.models.generateContent({ model, contents: ["What is it?", image] });
    check(response.text.includes("1 image/png"), response.text);
  },
  async "count tokens"() {
    const found = await api.models.countTokens({ model, contents: "One, two." });
    check(found.totalTokens > 0, found);
  },
  async embeddings() {
    const config = { outputDimensionality: 64 };
    const contents = ["a cat", "a dog"];
    const found = await api.models.embedContent({ model: "gemini-embedding-001", contents, config });
    check(found.embeddings.every((each) => each.values.length === 64) && found.embeddings.length === 2, found);
  },
  async files() {
    writeFileSync("note.txt", "a note");
    const uploaded = await api.files.upload({ file: "note.txt", config: { mimeType: "text/plain" } });
    let file = uploaded;
    while (file.state !== "ACTIVE") {
      file = await api.files.get({ name: uploaded.name });
    }
    const part = { fileData: { fileUri: file.uri, mimeType: file.mimeType } };
    const response = await api.models.generateContent({ model, contents: ["What is it?", part] });
    check(response.text.includes("1 text/plain"), response.text);
    await api.files.delete({ name: file.name });
  },
  async caches() {
    const cache = await api.caches.create({ model, config: { contents: "a long story", ttl: "300s" } });
    const config = { cachedContent: cache.name };
    const response = await api.models.generateContent({ model, contents: "?", config });
    check(response.usageMetadata.cachedContentTokenCount > 0, response);
  },
  async batches() {
    const src = [{ contents: [{ role: "user", parts: [{ text: "One?" }] }] }];
    let job = await api.batches.create({ model, src });
    while (!["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"].includes(job.state)) {
      job = await api.batches.get({ name: job.name });
    }
    check(job.dest.inlinedResponses.length === 1, job);
  },
  async models() {
    const names = [];
    for await (const each of await api.models.list({ config: { pageSize: 3 } })) {
      names.push(each.name);
    }
    check(names.includes(`models/${model}`), names);
  },
  async "live text"() {
    const messages = [];
    await new Promise((resolve, reject) => {
      const callbacks = {
        onmessage(message) {
          messages.push(message);
          if (message.serverContent?.turnComplete) {
            resolve();
          }
        },
        onerror: (event) => reject(new Error(event.message)),
        onclose: (event) => reject(new Error(`closed: ${event.reason}`)),
      };
      api.live
        .connect({ model: "gemini-live-2.5-flash-preview", config: { responseModalities: ["TEXT"] }, callbacks })
        .then((session) => session.sendClientContent({ turns: "Why?" }), reject);
    });
    check(messages.length > 1, messages);
  },
  async "error of the request"() {
    const config = { candidateCount: 99 };
    const error = await catchError(api.models.generateContent({ model, contents: "?", config }));
    check(error.status === 400, error.message);
  },
  async "error of the quota"() {
    const config = { httpOptions: { headers: { "x-emulate": "status=429" } } };
    const error = await catchError(api.models.generateContent({ model, contents: "?", config }));
    check(error.status === 429, error.message);
  },
  async "address in the environment"() {
    process.env.GOOGLE_GEMINI_BASE_URL = baseUrl;
    const other = new GoogleGenAI({ apiKey: "any-key" });
    delete process.env.GOOGLE_GEMINI_BASE_URL;
    const response = await other.models.generateContent({ model, contents: "Why?" });
    check(response.text.includes("Why?"), response.text);
  },
  async "vertex generate"() {
    const response = await vertex.models.generateContent({ model, contents: "Why?" });
    check(response.text.includes("Why?"), response.text);
  },
  async "vertex images"() {
    const config = { numberOfImages: 2 };
    const found = await vertex.models.generateImages({ model: "imagen-4.0-generate-001", prompt: "a cat", config });
    check(found.generatedImages.length === 2, found);
  },
});
