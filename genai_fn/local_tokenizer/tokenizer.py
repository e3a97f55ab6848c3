"""Counts and computes the tokens of prompts on this machine, with the SentencePiece model of a Gemini model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from returns.result import Failure, Result, Success

from genai_fn.errors import GenaiError, InvalidRequest, MissingExtra
from genai_fn.interpreters.extras import install_command
from genai_fn.local_tokenizer.countable_texts import list_countable_texts
from genai_fn.local_tokenizer.model_files import load_model_file
from genai_fn.local_tokenizer.model_names import MODEL_FILES, find_model_file
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.options import Timeouts, check_type
from genai_fn.request import Request
from genai_fn.schema.disk import read_file
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.schema.tokens import ComputeTokensResult, CountTokensConfig, CountTokensResult, TokensInfo
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

    from genai_fn.schema.contents import ContentsLike

_ConfigLike: TypeAlias = CountTokensConfig | GenerateContentConfig | Mapping[str, Any] | None


class LocalTokenizer:
    """
    Counts and computes tokens without a request, by the rules of google-genai's local tokenizer. Needs the extra
    ``local-tokenizer``.

    `load` fetches the tokenizer of a model once, and `from_file` reads one. After that, nothing is read or sent, and
    threads may share it.

    Args:
        data: The bytes of a SentencePiece model.

    Raises:
        InvalidRequest: If ``data`` is not a SentencePiece model.

        MissingExtra: If the extra is not installed.

    >>> tokenizer = LocalTokenizer.load("gemini-2.5-flash").unwrap()
    >>> tokenizer.count_tokens("Why is the sky blue?").total_tokens > 0
    True
    """

    def __init__(self, data: bytes) -> None:
        self._processor = _build_processor(data)

    @classmethod
    def load(
        cls, model: str, *, cache_dir: str | HasPath | None = None, timeouts: Timeouts | None = None
    ) -> Result["LocalTokenizer", GenaiError]:
        """
        Load the tokenizer of a model: from the cache folder, or from the network, once.

        The file is checked by its SHA-256 each time. It is fetched without credentials, over the proxy of the
        environment. If the cache folder cannot be written, the file is fetched each time.

        Args:
            model: A model with a published tokenizer, such as ``gemini-2.5-flash``.

            cache_dir: The folder for the file; None is ``genai_fn`` in the user's cache folder: ``XDG_CACHE_HOME``, or
                where the platform has its caches.

            timeouts: Time limits of the fetch.

        Raises:
            InvalidRequest: If an argument has the wrong type.

        Fails with:
            InvalidRequest: If the tokenizer of the model is not known.

            MissingExtra: If the extra is not installed.

            TransportError: If the file cannot be fetched.

            APIError: If the server of the file responds with an error.

            DecodeError: If the file that was fetched has another SHA-256.
        """
        file = find_model_file(check_model_name(model))
        limits = Timeouts() if timeouts is None else timeouts
        check_type(Timeouts, "timeouts", limits)
        folder = None if cache_dir is None else read_path(cache_dir, "cache_dir")
        if file is None:
            expected = f"a model with a known tokenizer ({', '.join(MODEL_FILES)})"
            return Failure(InvalidRequest("model", model, expected))
        try:
            _import_sentencepiece()  # before anything is fetched
        except MissingExtra as error:
            return Failure(error)
        return load_model_file(file, folder, limits).map(cls)

    @classmethod
    def from_file(cls, path: str | HasPath) -> Result["LocalTokenizer", GenaiError]:
        """
        Read the tokenizer from the file of a SentencePiece model, whatever model it belongs to.

        Args:
            path: The path of the file.

        Raises:
            InvalidRequest: If ``path`` is not a path.

        Fails with:
            InvalidRequest: If the file cannot be read, or is not a SentencePiece model.

            MissingExtra: If the extra is not installed.

        >>> LocalTokenizer.from_file("nowhere.model")
        <Failure: path: expected a file that can be read (No such file or directory), got 'nowhere.model'>
        """
        location = read_path(path, "path")
        try:
            data = read_file(location)
        except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            return Failure(InvalidRequest("path", location, f"a file that can be read ({why})"))
        try:
            return Success(cls(data))
        except InvalidRequest:
            return Failure(InvalidRequest("path", location, "the file of a SentencePiece model"))
        except MissingExtra as error:
            return Failure(error)

    @overload
    def count_tokens(self, contents: Request[GenerateContentResponse]) -> CountTokensResult: ...
    @overload
    def count_tokens(self, contents: "ContentsLike", config: _ConfigLike = None) -> CountTokensResult: ...
    def count_tokens(self, contents: Any, config: Any = None) -> CountTokensResult:
        """
        Count the tokens of contents, or of a whole ``generate`` request.

        Counted are texts; names, keys and strings of function calls and responses; declarations of functions; and the
        schema of the response.

        Args:
            contents: As in ``generate``; or a ``generate`` request, and no other argument.

            config: As in ``generate``, or as in ``tokens.count``. Its system instruction, tools and response schema
                count; its other fields have no tokens.

        Raises:
            InvalidRequest: If an argument cannot be converted; or if it contains something other than text, such as an
                image, executed code or a cache.

        >>> from genai_fn import generate, with_tools
        >>> tokenizer = LocalTokenizer.load("gemini-2.5-flash").unwrap()
        >>> def weather(city: str) -> str: ...
        >>> request = generate("gemini-2.5-flash", "Weather in Rome?", {"system_instruction": "Be brief."})
        >>> alone = tokenizer.count_tokens(request).total_tokens
        >>> tokenizer.count_tokens(request | with_tools(weather)).total_tokens > alone
        True
        """
        texts = list_countable_texts(contents, config)
        return CountTokensResult(total_tokens=sum(len(self._encode(each.text, int)) for each in texts))

    @overload
    def compute_tokens(self, contents: Request[GenerateContentResponse]) -> ComputeTokensResult: ...
    @overload
    def compute_tokens(self, contents: "ContentsLike", config: _ConfigLike = None) -> ComputeTokensResult: ...
    def compute_tokens(self, contents: Any, config: Any = None) -> ComputeTokensResult:
        """
        Compute the tokens of contents and their ids, or those of a whole ``generate`` request.

        The result has one `TokensInfo` for each text, with the role of its content. All of them have as many ids as
        `count_tokens` counts.

        Args:
            contents: As in ``generate``; or a ``generate`` request, and no other argument.

            config: As in `count_tokens`. The texts of tools and schemas have no role.

        Raises:
            InvalidRequest: As in `count_tokens`.

        >>> tokenizer = LocalTokenizer.load("gemini-2.5-flash").unwrap()
        >>> info = tokenizer.compute_tokens("Why is the sky blue?").tokens_info[0]
        >>> info.role, b"".join(info.tokens), len(info.tokens) == len(info.token_ids)
        ('user', b'Why is the sky blue?', True)
        """
        texts = list_countable_texts(contents, config)
        return ComputeTokensResult(tokens_info=tuple(self._compute_tokens(each.role, each.text) for each in texts))

    def __repr__(self) -> str:
        return f"<LocalTokenizer with {self._processor.get_piece_size()} tokens>"

    def _compute_tokens(self, role: str | None, text: str) -> TokensInfo:
        ids: list[int] = self._encode(text, int)
        pieces: list[str] = self._encode(text, str)
        are_bytes = map(self._processor.is_byte, ids)
        tokens = tuple(_decode_piece(*each) for each in zip(pieces, are_bytes, strict=True))
        return TokensInfo(role=role, token_ids=tuple(ids), tokens=tokens)

    def _encode(self, text: str, out_type: type[int] | type[str]) -> Any:
        """Return the tokens of a text: a list of ids, or of pieces. That of an unknown token is the text itself."""
        return self._processor.encode(text, out_type=out_type)


def _build_processor(data: object) -> "SentencePieceProcessor":
    if not isinstance(data, bytes):
        expected = "the bytes of a SentencePiece model; LocalTokenizer.load(…) fetches the one of a Gemini model"
        raise InvalidRequest("data", data, expected)
    processor: SentencePieceProcessor = _import_sentencepiece().SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(data)
    except RuntimeError:
        raise InvalidRequest("data", data, "the bytes of a SentencePiece model") from None
    return processor


def _import_sentencepiece() -> Any:
    try:
        import sentencepiece  # noqa: PLC0415  # an extra
    except ImportError:
        raise MissingExtra("sentencepiece", "LocalTokenizer", install_command("sentencepiece")) from None
    return sentencepiece


def _decode_piece(piece: str, is_byte: bool) -> bytes:
    r"""
    Decode a piece of SentencePiece: a byte is written ``<0x0A>``, a space as U+2581.

    >>> _decode_piece("<0x0A>", True), _decode_piece("\u2581sky", False)
    (b'\n', b' sky')
    """
    return bytes([int(piece[3:5], 16)]) if is_byte else piece.replace(_SPACE, " ").encode()


_SPACE = "\u2581"
