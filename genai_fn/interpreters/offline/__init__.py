"""
`Offline`: the emulated API in this process, without a network.

- `interpreter`: `Offline`, sync or async
- `async_transport`: sends requests to the emulated API on asyncio and trio
- `service`: the emulated API as it calls it: its state and its clock
- `live`: live sessions with the emulated API
- `script_files`: reads the script of the emulated model
"""
