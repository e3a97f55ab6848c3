import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { advise } from "./weather_agent.mjs";

const url = process.env.EMULATOR_URL;

test("advice", async () => {
  await fetch(`${url}/emulator/reset`, { method: "POST" });
  const script = await readFile(new URL("weather.json", import.meta.url));
  const loaded = await fetch(`${url}/emulator/script`, { method: "POST", body: script });
  assert.equal(loaded.status, 200, await loaded.text());

  const text = await advise("I go to Oslo.", { apiKey: "any-key", baseURL: `${url}/v1beta` });
  assert.equal(text, "Take an umbrella.");

  const { requests } = await (await fetch(`${url}/emulator/requests`)).json();
  const { functionResponse } = requests[1].body.contents.at(-1).parts[0];
  assert.deepEqual(functionResponse.response, { name: "get_weather", content: "rain" });
});
