import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";

// Advises what to take along.
export async function advise(question, options) {
  const google = createGoogleGenerativeAI(options);
  const get_weather = tool({
    description: "Return the weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => (city === "Oslo" ? "rain" : "sun"),
  });
  const { text } = await generateText({
    model: google("gemini-2.5-flash"),
    system: "Advise what to take along.",
    prompt: question,
    tools: { get_weather },
    stopWhen: stepCountIs(5),
  });
  return text;
}
