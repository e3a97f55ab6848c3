"""
Flows: several requests as one value, written as generators of commands without I/O, and streams derived from streams.

- `calling`: the function-calling loop.
- `chats`: chats; `turns` has their values.
- `combining`: collect and join the items of a stream; `merge` merges chunks into one value.
- `paging`: all pages of a list.
- `parallel`: two actions at once, and deadlines of flows.
- `polling`: waits for long-running work.
- `response_text`: the text of a response.
- `structured`: responses as values of a type; `typed_json` converts between JSON and Python types.
"""
