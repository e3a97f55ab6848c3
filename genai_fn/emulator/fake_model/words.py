"""Words of a text, for embeddings and retrieval."""

import re


def split_words(text: str) -> list[str]:
    """
    Split a text into lower-case words. In scripts without spaces, each character is a word.

    >>> split_words("Why is it BLUE? 青い")
    ['why', 'is', 'it', 'blue', '青', 'い']
    """
    return _WORD_PATTERN.findall(text.casefold())


_WORD_PATTERN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def is_content_word(word: str) -> bool:
    """
    Return False for stop words, such as "the".

    >>> [is_content_word(each) for each in ("the", "sky")]
    [False, True]
    """
    return _STOP_WORD_PATTERN.fullmatch(word) is None


_STOP_WORD_PATTERN = re.compile(
    "about|an?|and|are|as|at|be|been|but|by|can|do|does|for|from|had|has|have|how|i|if|in|into|is|it|its|me|my|no|not|of"
    "|on|or|so|that|the|their|them|there|they|this|to|was|we|were|what|when|where|which|who|why|will|with|you|your"
)
