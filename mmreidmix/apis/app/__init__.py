"""What the command-line tools and the search page share."""
