"""
Servers of the Model Context Protocol in processes of their own.

- `server`: the server, a script.
- `processes`: starts it, and kills it at the n-th message.
"""
