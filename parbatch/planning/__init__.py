"""What is due, why, and in which order. Called by the engine; it reads and marks the checkpoint and starts nothing."""
