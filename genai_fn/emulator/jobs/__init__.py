"""What goes on by being looked at: batches and tunings, on either backend."""
