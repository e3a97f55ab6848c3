"""
Images, videos, and embeddings of texts.

- `predict`: the ``predict`` method, which routes to images or embeddings.
- `images`: generation, editing, upscaling, recontextualization and segmentation.
- `image_predictions`: the parameters and predictions that these share.
- `videos`: video operations.
- `text_embeddings`: embeddings of texts.
"""
