"""What is on the disk: the folder, its lock, the checkpoint, logs, and how outputs are published and withdrawn."""
