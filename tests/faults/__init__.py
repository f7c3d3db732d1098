"""Real processes really killed, and the folder looked at from outside."""
