"""Transcription of speech: the text, its words, and the configuration."""

from genai_fn.schema.base import OpenEnum, OpenMessage


class AudioTranscriptionConfigMode(OpenEnum):
    """How literal a transcription is."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED"
    VERBATIM = "VERBATIM"
    SMART = "SMART"
    """Removes fillers and false starts, and formats the text. Excludes timestamps and diarization."""


class WordInfo(OpenMessage):
    """A word of a transcription, and when it is spoken."""

    word: str | None = None
    start_offset: str | None = None
    """Offset from the start of the audio, such as ``"1.2s"``."""
    end_offset: str | None = None
    """Offset from the start of the audio, such as ``"1.5s"``."""


class Transcription(OpenMessage):
    """A transcription of speech."""

    text: str | None = None
    finished: bool | None = None
    """Whether the utterance ends here."""
    language_code: str | None = None
    """BCP 47 code, such as ``en-US``."""
    speaker_label: str | None = None
    """Label of the speaker, such as ``spk_1``."""
    words: tuple[WordInfo, ...] | None = None
    start_offset: str | None = None
    """Offset from the start of the audio, such as ``"1.2s"``."""
    end_offset: str | None = None
    """Offset from the start of the audio, such as ``"1.5s"``."""


class LanguageAuto(OpenMessage):
    """Enables detection of the language, which is the default."""


class LanguageHints(OpenMessage):
    """Predecessor of ``language_codes``."""

    language_codes: tuple[str, ...] | None = None
    """BCP 47 codes."""


class AudioTranscriptionConfig(OpenMessage):
    """Enables transcription of speech; all options have defaults."""

    language_codes: tuple[str, ...] | None = None
    """BCP 47 codes of the languages to expect. By default, the language is detected."""
    language_auto: LanguageAuto | None = None
    """Deprecated: omit ``language_codes`` instead."""
    language_hints: LanguageHints | None = None
    """Deprecated: use ``language_codes``."""
    custom_vocabulary: tuple[str, ...] | None = None
    """Terms to recognize."""
    adaptation_phrases: tuple[str, ...] | None = None
    """Deprecated: use ``custom_vocabulary``."""
    word_timestamp: bool | None = None
    """Whether to return the words with their offsets."""
    diarization: bool | None = None
    """Whether to label the speakers."""
    mode: AudioTranscriptionConfigMode | None = None
    """Defaults to ``VERBATIM``."""
    source_text: str | None = None
    """Text that the speech changes, for the mode ``SMART``; the transcription is the whole new text."""
