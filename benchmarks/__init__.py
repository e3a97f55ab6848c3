"""What this library costs, beside google-genai 1.51.0 and beside what the raw tools can do, all in the same run."""
