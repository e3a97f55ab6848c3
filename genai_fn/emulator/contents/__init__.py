"""What models are asked with contents: to answer, to count, to make vectors, and to keep contents ready."""
