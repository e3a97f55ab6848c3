"""
Images and videos.

- `predict`: the ``predict`` method, which routes to images or embeddings.
- `images`: generation, editing, upscaling, recontextualization and segmentation.
- `image_predictions`: the parameters and predictions that these share.
- `videos`: video operations.
"""
