"""
Scripts: answers of the model that a test writes down, in place of those of the fake model.

- `script`: the values that a script consists of; its JSON has the same names.
- `parsing`: parses and checks scripts, and describes them in JSON Schema.
- `progress`: which steps are left, and which one answers a request.
- `functions`: calls the function of a script.
- `cursor`: what one request uses of a script.
- `answers`: converts a step to the candidates of a response, or to an error.
"""
