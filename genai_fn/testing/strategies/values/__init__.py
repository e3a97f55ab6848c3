"""
Strategies for values, without regard to a request.

- ``types``: values of every type of the API.
- ``wire_json``: JSON that decodes to a type.
- ``json_schema``: JSON that conforms to a schema.
- ``media_files``: the bytes of a small image and a small video.
"""
