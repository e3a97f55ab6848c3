// Runs the rows of a client, each a function, and prints the result of each as a line of JSON.

import { readFileSync } from "node:fs";

const SECONDS = 90;

export async function runRows(packages, rows) {
  const versions = Object.fromEntries(packages.map((name) => [name, readVersion(name)]));
  print({ versions, rows: Object.keys(rows) });
  for (const [row, run] of Object.entries(rows)) {
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no result within ${SECONDS} s`)), SECONDS * 1000);
    });
    try {
      await Promise.race([run(), timeout]);
      print({ row, reason: "" });
    } catch (error) {
      console.error(error);
      print({ row, reason: `${error?.name ?? "Error"}: ${error?.message ?? error}` });
    } finally {
      clearTimeout(timer);
    }
  }
  process.exit(0);
}

export function check(condition, found) {
  if (!condition) {
    throw new Error(`found ${JSON.stringify(found)}`);
  }
}

// Returns the error that a promise rejects with.
export async function catchError(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("no error");
}

function readVersion(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}

function print(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}
