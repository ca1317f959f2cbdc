"""What the command-line tools and the search page share."""

#: Images that are embedded before they are written.
PART = 1024
