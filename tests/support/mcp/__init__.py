"""
Servers of the Model Context Protocol in processes of their own.

- `server`: the server, a script, which can be killed at the n-th message, and can fork itself.
- `processes`: starts servers, as forks of one process.
- `launcher`: a command that stands for a fork, for sessions over stdio.
"""
