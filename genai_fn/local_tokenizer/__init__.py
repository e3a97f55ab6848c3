"""
Tokens without a request: which texts count, the tokenizers of the models, and where their files are kept.

- `tokenizer`: `LocalTokenizer`, which counts and computes tokens
- `countable_texts`: the texts of contents, tools and schemas that count
- `model_names`: which tokenizer a model has, and the file that contains it
- `model_files`: fetches such a file, checks it, and keeps it in the user's cache folder
"""
