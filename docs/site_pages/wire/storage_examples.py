"""Examples of what is stored: files, stores and their documents, cached contents."""

from docs.site_pages.wire.examples import WireExample
from genai_fn import ClientError

__all__ = ["EXAMPLES"]

_FILE = 'file = run(files.upload(b"Oolong is a tea.", {"mime_type": "text/plain"})).unwrap()'
_STORE = 'store = run(stores.create({"display_name": "Teas"})).unwrap()'
_DOCUMENT = f"""\
{_STORE}
upload = stores.upload(store.name, b"Oolong is a tea.", {{"mime_type": "text/plain"}})
document = run(upload | until_done()).unwrap().response"""
_CACHE = 'cache = run(caches.create("gemini-2.5-flash", {"contents": "A long book.", "ttl": "300s"})).unwrap()'

EXAMPLES = (
    WireExample(
        "files.upload",
        'files.upload(b"Oolong is a tea.", {"name": "tea", "mime_type": "text/plain"})',
        'files.upload(b"Sencha is a tea.", {"name": "tea", "mime_type": "text/plain"})',
        ClientError,
    ),
    WireExample("files.get", "files.get(file.name)", 'files.get("gone")', ClientError, setup=_FILE),
    WireExample(
        "files.list", 'files.list({"page_size": 1})', 'files.list({"page_token": "x"})', ClientError, setup=_FILE
    ),
    WireExample("files.delete", "files.delete(file.name)", "files.delete(file.name)", ClientError, setup=_FILE),
    WireExample(
        "files.download",
        "files.download(operation.response.generated_videos[0])",
        'files.download("files/gone")',
        ClientError,
        setup='operation = run(videos.generate("veo-3.1-generate-preview", "a cat runs") | until_done()).unwrap()',
        vertex_call='files.download("files/abc")',
        vertex_setup="",
    ),
    WireExample(
        "files.register_files",
        'files.register_files(["gs://my-bucket/talk.mp4"], auth="an-access-token")',
        'files.register_files(["gs://my-bucket/talk.mp4"])',
        ClientError,
    ),
    WireExample(
        "stores.create",
        'stores.create({"display_name": "Teas"})',
        'stores.create() | with_options(extra_body={"colour": "green"})',
        ClientError,
    ),
    WireExample(
        "stores.get", "stores.get(store.name)", 'stores.get("fileSearchStores/gone")', ClientError, setup=_STORE
    ),
    WireExample("stores.list", "stores.list()", 'stores.list({"page_token": "x"})', ClientError, setup=_STORE),
    WireExample(
        "stores.delete",
        'stores.delete(store.name, {"force": True})',
        'stores.delete("fileSearchStores/gone")',
        ClientError,
        setup=_STORE,
    ),
    WireExample(
        "stores.upload",
        'stores.upload(store.name, b"Oolong is a tea.", {"mime_type": "text/plain"})',
        'stores.upload("fileSearchStores/gone", b"Oolong is a tea.", {"mime_type": "text/plain"})',
        ClientError,
        setup=_STORE,
    ),
    WireExample(
        "stores.import_file",
        "stores.import_file(store.name, file.name)",
        'stores.import_file(store.name, "files/gone")',
        ClientError,
        setup=f"{_STORE}\n{_FILE}",
    ),
    WireExample(
        "stores.download_media",
        "stores.download_media(chunks[0].retrieved_context.media_id)",
        'stores.download_media(f"{store.name}/media/gone")',
        ClientError,
        setup=f"""\
{_STORE}
picture = b"Light from the sun is scattered by the air, so the sky is blue."
run(stores.upload(store.name, picture, {{"mime_type": "image/svg+xml"}}) | until_done()).unwrap()
search = {{"tools": [{{"file_search": {{"file_search_store_names": [store.name]}}}}]}}
answer = run(generate("gemini-2.5-flash", "Why is the sky blue?", search)).unwrap()
chunks = answer.candidates[0].grounding_metadata.grounding_chunks""",
    ),
    WireExample(
        "stores.documents.get",
        "stores.documents.get(document.document_name)",
        'stores.documents.get(f"{store.name}/documents/gone")',
        ClientError,
        setup=_DOCUMENT,
    ),
    WireExample(
        "stores.documents.list",
        "stores.documents.list(store.name)",
        'stores.documents.list("fileSearchStores/gone")',
        ClientError,
        setup=_DOCUMENT,
    ),
    WireExample(
        "stores.documents.delete",
        'stores.documents.delete(document.document_name, {"force": True})',
        'stores.documents.delete(f"{store.name}/documents/gone")',
        ClientError,
        setup=_DOCUMENT,
    ),
    WireExample(
        "caches.create",
        'caches.create("gemini-2.5-flash", {"contents": "A long book.", "ttl": "300s"})',
        'caches.create("gemini-2.5-flash", {"contents": "A long book.", "ttl": "-1s"})',
        ClientError,
    ),
    WireExample("caches.get", "caches.get(cache.name)", 'caches.get("gone")', ClientError, setup=_CACHE),
    WireExample(
        "caches.update",
        'caches.update(cache.name, {"ttl": "60s"})',
        'caches.update("gone", {"ttl": "60s"})',
        ClientError,
        setup=_CACHE,
    ),
    WireExample("caches.delete", "caches.delete(cache.name)", "caches.delete(cache.name)", ClientError, setup=_CACHE),
    WireExample(
        "caches.list", 'caches.list({"page_size": 1})', 'caches.list({"page_token": "x"})', ClientError, setup=_CACHE
    ),
)
