"""Golden outputs: what the commands say and leave behind, word for word."""
