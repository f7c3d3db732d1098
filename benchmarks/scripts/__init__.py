"""What is measured, each in a process of its own, so that none warms the caches or fills the memory of another."""
