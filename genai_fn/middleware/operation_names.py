"""The names of the operations that run a model, by what they return: several kinds of middleware treat these alike."""

GENERATE = ("generate", "generate.stream")
EMBED = ("embed", "embed.numpy")
TOKENS = ("tokens.compute", "tokens.count", "tokens.count.request")
IMAGES = ("images.edit", "images.generate", "images.recontext", "images.segment", "images.upscale")
VIDEOS = ("videos.generate",)
