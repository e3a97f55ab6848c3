"""
Live sessions and live music, frame by frame, without a socket.

- `connections`: finds the kind of session that a URL refers to, and handles its frames.
- `sessions`: opens sessions and handles their frames.
- `turns`: handles one frame and collects the messages to send.
- `history`: the state of one session.
- `music`: live music.
- `setup`: the setup message, and the exception that closes a connection.
"""
