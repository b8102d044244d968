"""All runs of a team in one table: as text, CSV, Markdown and a page."""
