"""Own images as a domain: what ``import_domain.py`` is made of."""
