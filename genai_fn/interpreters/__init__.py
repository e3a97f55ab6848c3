"""What touches the world: the drivers of the engine, and the connections that they send over."""
