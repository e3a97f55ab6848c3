"""
What all handlers of the emulator share.

- `state`: the state as an immutable value, and the types of handlers.
- `request_parsing`: the request as handlers receive it, and strict parsing of its body.
- `responses`, `faults`: responses with JSON and media, and errors.
- `standard_errors`: the API's error for a status code.
- `authentication`: the check of API keys.
- `pagination`, `filters`: pages of lists, and the filter expressions of AIP-160.
- `resource_ids`, `model_paths`: names that callers choose, and the paths of models.
- `sizes`: how much memory resources take.
- `operations`: long-running operations.
- `resumable_uploads`: the upload protocol.
- `injected_faults`: errors, delays and broken responses on request.
"""
