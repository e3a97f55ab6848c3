"""Live sessions: the driver of their protocol, and WebSockets on asyncio and trio."""
