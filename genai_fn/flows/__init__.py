"""
Flows: several requests as one value, written as generators of commands without I/O, and streams derived from streams.

- `batching`: the actions of a gather, through the Batch API.
- `calling`: the function-calling loop.
- `chats`: chats; `turns` has their values.
- `continuation`: continues responses that the service has cut.
- `combining`: collect and join the items of a stream; `merge` merges chunks into one value.
- `deadlines`: the deadline of a request that becomes several.
- `explaining`: what would be sent first.
- `paging`: all pages of a list.
- `parallel`: two actions at once, and deadlines of flows.
- `partial_values`: a value that has arrived in part; `partial_streams` emits it while it arrives.
- `polling`: waits for long-running work.
- `response_text`: the text of a response.
- `roots`: the request that a description is derived from.
- `rounds`: where another answer starts, after function calls.
- `structured`: responses as values of a type; `typed_json` converts between JSON and Python types.
- `validation`: requests a value again until it is valid.
"""
