"""``docs/types.md`` agrees with the source."""

from docs import write_types
from genai_fn import schema

NOT_SENT = {"free_form_fields", "secret_fields"}
"""Facts about the type."""


def test_current() -> None:
    """``docs/types.md`` is the current output of ``python -m docs.write_types``."""
    assert write_types.PAGE.read_text(encoding="utf-8") == write_types.render_page()


def test_complete() -> None:
    """The page lists every class and function of ``genai_fn.schema``, and every field with its backend."""
    page = write_types.render_page()
    for name in schema.__all__:
        public = getattr(schema, name)
        if isinstance(public, type):
            section = page.partition(f"\n### {name}\n")[2].partition("\n#")[0]
            assert (name, section[:2]) == (name, "\n" + (public.__doc__ or "").strip()[:1])
            own = (each for each in public.__mro__ if each is public or each.__name__ not in schema.__all__)
            for field in {field for each in own if issubclass(each, schema.Message) for field in each.__annotations__}:
                assert (name, field, f"- `{field}: " in section or field in NOT_SENT) == (name, field, True)
    assert "- `gcs_uri: str` (Vertex only)" in page.partition("\n### Image\n")[2].partition("\n#")[0]
