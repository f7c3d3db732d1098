"""Where attempts are made: `base` says what a backend is; `loky` and `inline` are two, found by their names."""
