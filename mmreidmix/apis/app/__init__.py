"""What the command-line tools and the search page share."""

#: Images that are embedded before they are written.
PART = 1024
#: Images of a shard of a job.
SHARD_IMAGES = 10_000
