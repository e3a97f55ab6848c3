"""Entry point of ``python -m genai_fn``, the same as ``genai-fn``."""

from genai_fn.cli import main

if __name__ == "__main__":
    main()
