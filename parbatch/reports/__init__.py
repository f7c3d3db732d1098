"""What is said about a run once it is over: for programs (`json`) and for people (`console`)."""
