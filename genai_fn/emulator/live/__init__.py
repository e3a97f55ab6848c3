"""Live sessions: conversations and music, frame by frame, without a socket."""
