"""
Recordings of other programs: google-genai's replay files, and the cassettes of vcrpy.

- ``formats``: tells them apart by their content, and reads them.
- ``interactions``: one recorded HTTP request with its response, and how requests are compared.
- ``google_genai``, ``vcrpy``: convert the two formats to interactions.
- ``json_tokens``, ``yaml_tokens``: the parsers, which know the line of each value.
- ``trees``: builds trees of the tokens, each value with its line; ``members`` reads the members of objects.
- ``search``: finds the recorded interaction for a request.
- ``replay``: the request handler that returns recorded responses.
"""
