"""What stands in for the models: words, values, tokens, pictures and tones, made of what was asked, by no server."""
