"""What a test leaves behind: result files, tables, provenance."""
