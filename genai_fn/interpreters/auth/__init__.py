"""
OAuth tokens for Vertex AI.

- `token_cache`: the credential of one backend, refreshed once for all callers.
- `token_caches`: the caches of an interpreter: of its own backend, and of those that requests set.
- `application_default`: finds the token source: credentials that were passed in, or application default credentials.
- `google_auth`: a token source over google-auth's credentials, or any object with ``token`` and ``refresh``.
- `metadata_server`: a token source over the metadata server of Google Cloud machines.
- `token_source`: the protocol of token sources, and what they share: scope, timeouts, masking of errors.
"""
