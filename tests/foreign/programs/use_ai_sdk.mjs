// @ai-sdk/google with the AI SDK.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { Output, embed, embedMany, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod";
import { catchError, check, runRows } from "./rows.mjs";

const google = createGoogleGenerativeAI({ apiKey: "any-key", baseURL: `${process.env.EMULATOR_URL}/v1beta` });
const model = google("gemini-2.5-flash");
const recipe = z.object({ name: z.string(), minutes: z.number().int() });
const calls = [];
const weather = tool({
  description: "Get the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  async execute({ city }) {
    calls.push(city);
    return `fine in ${city}`;
  },
});

async function join(stream) {
  let text = "";
  for await (const each of stream) {
    text += each;
  }
  return text;
}

await runRows(["@ai-sdk/google", "ai"], {
  async generate() {
    const { text, usage } = await generateText({ model, system: "Be terse.", prompt: "Why?" });
    check(text.includes("My instructions are: “Be terse.” You asked: “Why?”"), text);
    check(usage.totalTokens > 0, usage);
  },
  async stream() {
    const text = await join(streamText({ model, prompt: "Why?" }).textStream);
    check(text.includes("Why?"), text);
  },
  async chat() {
    const messages = [
      { role: "user", content: "One?" },
      { role: "assistant", content: "1" },
      { role: "user", content: "Two?" },
    ];
    const { text } = await generateText({ model, messages });
    check(text.includes("Before that came 2 turns."), text);
  },
  async "tools round trip"() {
    calls.length = 0;
    const prepareStep = ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" });
    const tools = { weather };
    const { text } = await generateText({ model, prompt: "Rome", tools, stopWhen: stepCountIs(3), prepareStep });
    check(text.includes("fine in Rome") && calls.length === 1, [text, calls]);
  },
  async "streamed tools round trip"() {
    calls.length = 0;
    const prepareStep = ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" });
    const tools = { weather };
    const result = streamText({ model, prompt: "Rome", tools, stopWhen: stepCountIs(3), prepareStep });
    const text = await join(result.textStream);
    check(text.includes("fine in Rome") && calls.length === 1, [text, calls]);
  },
  async "structured output"() {
    const { object } = await generateObject({ model, schema: recipe, prompt: "Pie" });
    check(Number.isInteger(object.minutes), object);
  },
  async "streamed structured output"() {
    const result = streamObject({ model, schema: recipe, prompt: "Pie" });
    let count = 0;
    for await (const _ of result.partialObjectStream) {
      count += 1;
    }
    const object = await result.object;
    check(Number.isInteger(object.minutes) && count > 0, object);
  },
  async "tools together with an output type"() {
    calls.length = 0;
    const tools = { weather };
    const output = Output.object({ schema: recipe });
    const result = await generateText({ model, prompt: "Rome", tools, output, stopWhen: stepCountIs(5) });
    check(Number.isInteger(result.output.minutes), result.text);
  },
  async "image as input"() {
    const image = { type: "image", image: new Uint8Array([137, 80, 78, 71]), mediaType: "image/png" };
    const messages = [{ role: "user", content: [{ type: "text", text: "What is it?" }, image] }];
    const { text } = await generateText({ model, messages });
    check(text.includes("1 image/png"), text);
  },
  async thinking() {
    const providerOptions = { google: { thinkingConfig: { thinkingBudget: 800, includeThoughts: true } } };
    const { text } = await generateText({ model, prompt: "Why?", providerOptions });
    check(text.includes("Why?"), text);
  },
  async embedding() {
    const { embedding } = await embed({ model: google.textEmbeddingModel("gemini-embedding-001"), value: "a cat" });
    check(embedding.length > 0, embedding);
  },
  async embeddings() {
    const values = ["a cat", "a dog"];
    const { embeddings } = await embedMany({ model: google.textEmbeddingModel("gemini-embedding-001"), values });
    check(embeddings.length === 2, embeddings);
  },
  async "error of the request"() {
    const error = await catchError(generateText({ model, prompt: "Why?", temperature: 9, maxRetries: 0 }));
    check(error.statusCode === 400, error.message);
  },
  async "error of the quota"() {
    const headers = { "x-emulate": "status=429" };
    const error = await catchError(generateText({ model, prompt: "Why?", headers, maxRetries: 0 }));
    check(error.statusCode === 429, error.message);
  },
  // Runs the test of docs/emulator-scripts.md.
  async "agent of the docs"() {
    const path = fileURLToPath(new URL("weather_agent.test.mjs", import.meta.url));
    const { status, stdout } = spawnSync(process.execPath, ["--test", path], { encoding: "utf8" });
    check(status === 0, stdout);
  },
});
