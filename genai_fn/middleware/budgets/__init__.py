"""
Budgets: calls are refused before they might cost more than what is left.

- `budget`: the middleware, and the state that its interpreters share
- `prices`: the prices of a model, given or read from ``genai-prices``, and the cost of a usage
- `estimates`: what a call may use at most, before it is sent
"""
