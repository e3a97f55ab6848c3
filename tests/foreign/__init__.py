"""
Other clients of the API against the emulator, unmodified, each in an environment of its own: ``tasks.py foreign``.

- `__main__`: serves an emulator to each client's program, and writes the results into ``docs/foreign-clients.md``.
- `clients`: the table of clients: packages and program.
- `environments`: creates the environments, with pip and npm.
- `page`: the results as Markdown.
- `programs`: the clients' programs. They need the clients' packages, so pytest does not collect them.
"""
