"""Middleware, each in sync, asyncio and trio, over HTTP, offline and with fakes."""
