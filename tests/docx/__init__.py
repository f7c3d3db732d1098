"""Fast documents, proved to be the same documents."""
